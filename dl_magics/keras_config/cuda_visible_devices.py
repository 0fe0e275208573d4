"""Which GPUs TensorFlow, JAX and PyTorch see: CUDA_VISIBLE_DEVICES, set before their import.

The selection is stored in the data folder of dl_magics. A variable that the user sets wins.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import BadSetting

# `%load_ext` imports this module to apply the selection: it imports no more than that needs.
if TYPE_CHECKING:
    from dl_magics.keras_config.keras_json import Change

VARIABLE = "CUDA_VISIBLE_DEVICES"
NAME = "visible_devices"
# Holds the value that dl_magics set; any other value of the variable is the user's.
_SET_BY_US = "DL_MAGICS_VISIBLE_DEVICES"


def variable_value(device: str) -> str:
    """Return the value of CUDA_VISIBLE_DEVICES for a device; "" for all GPUs."""
    from dl_magics.keras_config import theanorc

    name = theanorc.device_name(device, "")
    return "-1" if name == "cpu" else name[len("cuda") :]


def write_selection(folder: str, device: str) -> Change:
    """Store the selected device for new processes; `gpu` selects all GPUs, the default."""
    return _replace_selection(folder, variable_value(device))


def undo_selection(folder: str) -> Change:
    """Undo the last selection; a second time redoes it."""
    kept = _read(_undo_file(folder))
    if kept is None:
        raise BadSetting(
            "There is no selection of GPUs to undo.",
            fix="Show the device in use: %device",
        )
    return _replace_selection(folder, kept.strip())


def apply_selection(folder: str) -> None:
    """Set CUDA_VISIBLE_DEVICES in this process, unless the user has set it."""
    if user_value() is not None:
        return
    selection = _selection(folder)
    for name in (VARIABLE, _SET_BY_US):
        os.environ.pop(name, None)
        if selection:
            os.environ[name] = selection


def user_value() -> str | None:
    """Return the value of CUDA_VISIBLE_DEVICES that the user set; None if it is not set."""
    value = os.environ.get(VARIABLE)
    return None if value == os.environ.get(_SET_BY_US) else value


def describe_selection(folder: str) -> tuple[str, str]:
    """Return the GPUs that a new process sees, and the source of that."""
    by_user = user_value()
    if by_user is not None:
        return by_user, f"the variable {VARIABLE}"
    selection = _selection(folder)
    if not selection:
        return "all GPUs", "the default"
    return "cpu" if selection == "-1" else f"gpu{selection}", f"%device, {_file(folder)}"


def _replace_selection(folder: str, after: str) -> Change:
    from dl_magics.keras_config import atomic_file
    from dl_magics.keras_config.keras_json import Change
    from dl_magics.store import atomic, private

    private.ensure_folder(_file(folder).parent)
    with atomic_file.lock_for_change(_file(folder)):
        before = _selection(folder)
        if before == after:
            return Change(str(_file(folder)))
        atomic.replace(_file(folder), f"{after}\n")
        atomic.replace(_undo_file(folder), f"{before}\n")
    return Change(str(_file(folder)), {VARIABLE: (before or None, after or None)})


def _selection(folder: str) -> str:
    return (_read(_file(folder)) or "").strip()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _file(folder: str) -> Path:
    return Path(folder).expanduser() / NAME


def _undo_file(folder: str) -> Path:
    return _file(folder).with_name(f"{NAME}.undo")

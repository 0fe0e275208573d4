"""Which GPUs TensorFlow, JAX and torch may see: chosen once, in force before they are imported.

The choice is a line in a folder of ours. A person's own variable wins over it.
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
# What we put into the variable: any other value there is the person's.
_OURS = "DL_MAGICS_VISIBLE_DEVICES"


def variable_value(device: str) -> str:
    """Return what stands for a device in the variable; "" for all GPUs."""
    from dl_magics.keras_config import theanorc

    word = theanorc.device_name(device, "")
    return "-1" if word == "cpu" else word[len("cuda") :]


def write_selection(folder: str, device: str) -> Change:
    """Choose, for all that starts from now on; `gpu` is what holds without any choice."""
    return _exchanged(folder, variable_value(device))


def undo_selection(folder: str) -> Change:
    """Take the last choice back; a second time brings it again."""
    kept = _read(_undo_file(folder))
    if kept is None:
        raise BadSetting(
            "There is no selection of GPUs that can be undone.",
            fix="%device shows what is in force.",
        )
    return _exchanged(folder, kept.strip())


def apply_selection(folder: str) -> None:
    """Put the choice into the variable of this process, unless a person has set it."""
    if user_value() is not None:
        return
    chosen = _chosen(folder)
    for name in (VARIABLE, _OURS):
        os.environ.pop(name, None)
        if chosen:
            os.environ[name] = chosen


def user_value() -> str | None:
    """Return the person's own value of the variable; None where there is none."""
    value = os.environ.get(VARIABLE)
    return None if value == os.environ.get(_OURS) else value


def describe_selection(folder: str) -> tuple[str, str]:
    """Return what a process that starts now may see, and who says so."""
    own = user_value()
    if own is not None:
        return own, f"the variable {VARIABLE}"
    chosen = _chosen(folder)
    if not chosen:
        return "all GPUs", "the default"
    return "cpu" if chosen == "-1" else f"gpu{chosen}", f"%device, {_file(folder)}"


def _exchanged(folder: str, after: str) -> Change:
    from dl_magics.keras_config import atomic_file
    from dl_magics.keras_config.keras_json import Change

    with atomic_file.lock_for_change(_file(folder)):
        before = _chosen(folder)
        if before == after:
            return Change(str(_file(folder)))
        atomic_file.replace_text(_file(folder), f"{after}\n")
        atomic_file.replace_text(_undo_file(folder), f"{before}\n")
    return Change(str(_file(folder)), {VARIABLE: (before or None, after or None)})


def _chosen(folder: str) -> str:
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

"""Do what is asked with the interpreter that runs this, here or on an instance: JSON to JSON."""

from __future__ import annotations

import base64
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

from dl_magics import errors
from dl_magics.errors import DLMagicsError
from dl_magics.keras_config import (
    cuda_visible_devices,
    devices,
    effective,
    import_check,
    installed,
    keras_json,
    theano_env,
    theanorc,
)
from dl_magics.keras_config.effective import Effective, Value
from dl_magics.keras_config.installed import Installed
from dl_magics.keras_config.keras_json import Change

_PACKAGE = Path(__file__).parents[1]
_TRAVELS = (
    *("__init__.py", "version.py", "errors.py", "keras_config"),
    *("store/__init__.py", "store/atomic.py"),
)
_MARK = "dl_magics says: "

_PROGRAM = """
import base64, sys, tempfile
with tempfile.NamedTemporaryFile(suffix=".zip") as code:
    code.write(base64.b64decode("{code}"))
    code.flush()
    sys.path.insert(0, code.name)
    from dl_magics.keras_config import rpc
    rpc.say({asked!r})
"""


def answer(do: str, **what: Any) -> dict[str, Any]:
    """Do one thing, and return plain values; a failure of ours is a value too."""
    try:
        return _DO[do](**what)
    except DLMagicsError as error:
        return {"error": type(error).__name__, "happened": str(error), "fix": error.fix}


def _show(folder: str = "") -> dict[str, Any]:
    """Return what is installed here, what is in force in a fresh process, and who decided it.

    `folder` is the one of ours here, where there is one.
    """
    found = installed.here()
    file = keras_json.path(found.major)
    fresh = effective.of(found, file, keras_json.read(file))
    own = theano_env.read(f"{folder}/{theano_env.ROOM}") if folder else theano_env.Own()
    return {
        "installed": asdict(found),
        "path": str(file),
        "in_force": asdict(fresh),
        "can_undo": keras_json.can_undo(file),
        "own": asdict(own),
        "device": _told_device(str(fresh["backend"].value), found, own, folder),
    }


def _told_device(
    backend: str, found: Installed, own: theano_env.Own, folder: str
) -> tuple[str, str]:
    if own.chosen:
        backend = "theano"
    theano = own.versions if own.chosen else found.versions
    try:
        return devices.told(backend, theano.get("theano", ""), folder)
    except DLMagicsError as error:
        # Its own file is in its way: the settings of Keras can be shown nevertheless.
        return "unknown", str(error)


def _write(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the backend can be imported, then change `keras.json`."""
    found = installed.here()
    if "backend" in settings:
        import_check.check(found, settings["backend"])
    return asdict(keras_json.write(keras_json.path(found.major), found.major, settings))


def _undo() -> dict[str, Any]:
    return asdict(keras_json.undo(keras_json.path(installed.here().major)))


def _show_device(folder: str) -> dict[str, Any]:
    return devices.show(installed.here(), folder)


def _write_device(device: str, theano: str = "") -> dict[str, Any]:
    version = theano or installed.here().versions.get("theano", "")
    return asdict(theanorc.write(device, version))


def _undo_device() -> dict[str, Any]:
    return asdict(theanorc.undo())


_DO: dict[str, Callable[..., dict[str, Any]]] = {
    "show": _show,
    "write": _write,
    "undo": _undo,
    "show device": _show_device,
    "write device": _write_device,
    "undo device": _undo_device,
    "let see": lambda **what: asdict(cuda_visible_devices.write(**what)),
    "undo let see": lambda **what: asdict(cuda_visible_devices.undo(**what)),
    "set up": lambda **what: asdict(theano_env.set_up(**what)),
    "choose": lambda **what: asdict(theano_env.choose(**what)),
}


def program(do: str, **what: Any) -> str:
    """Return a program for any Python since 3.8 that answers; it brings our code along."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _TRAVELS:
            path = _PACKAGE / name
            for file in [path] if path.is_file() else sorted(path.glob("*.py")):
                archive.write(file, str(file.relative_to(_PACKAGE.parent)))
    code = base64.b64encode(packed.getvalue()).decode("ascii")
    return _PROGRAM.format(code=code, asked=json.dumps({"do": do, **what}))


def say(asked: str) -> None:
    """Answer on one line, whatever else the programs that we ask may write."""
    sys.stdout.write(f"\n{_MARK}{json.dumps(answer(**json.loads(asked)))}\n")


def heard(text: str) -> dict[str, Any] | None:
    """Return the answer in what a program wrote, None where there is none; raise its error."""
    lines = [line for line in text.splitlines() if line.startswith(_MARK)]
    if not lines:
        return None
    told: dict[str, Any] = json.loads(lines[-1][len(_MARK) :])
    return checked(told)


def checked(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer; raise the error that it is."""
    if "error" in told:
        raise getattr(errors, told["error"])(told["happened"], fix=told["fix"])
    return told


def in_force(told: Mapping[str, Any]) -> Effective:
    """Return the value that `show` told."""
    values = tuple(Value(**each) for each in told["values"])
    return Effective(values, told["refusal"], tuple(told["notes"]))


def change(told: Mapping[str, Any]) -> Change:
    """Return the value that a change told."""
    return Change(**told)

"""Keras' settings, here or on the instance: the same code looks and writes on both sides."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from dl_magics.actions.gpu import host, notebook_kernel
from dl_magics.actions.keras.views import Changed, DeviceShown, Settings
from dl_magics.errors import BadSetting
from dl_magics.keras_config import (
    cuda_visible_devices,
    effective,
    import_check,
    installed,
    options,
    rpc,
    theano_env,
)
from dl_magics.remote_code import runner
from dl_magics.ssh import blocking
from dl_magics.store import paths
from dl_magics.training.theano import resources

Where = Literal["here", "there"]
_FOLDER_THERE = "~/.dl_magics"


def default_side() -> Where:
    """Return which side is meant where none is said: where the GPU kernel is."""
    return "there" if notebook_kernel.is_connected() else "here"


def python_there() -> str:
    """Return the interpreter that is asked on the instance: that of the GPU kernel."""
    return notebook_kernel.current().python if notebook_kernel.is_connected() else "python3"


def show_settings(where: Where | None = None) -> Settings:
    """Return what is in force, who decided it, and what is installed; nothing is changed."""
    where = where or default_side()
    told = _ask(where, rpc.show_settings, folder=_folder(where))
    fresh = rpc.parse_effective(told["in_force"])
    imported = effective.imported_settings(sys.modules) if where == "here" else {}
    return Settings(
        where=where,
        installed=installed.parse_installed(told["installed"]),
        path=told["path"],
        fresh=fresh,
        now=effective.apply_imported(fresh, imported),
        can_undo=told["can_undo"],
        own=theano_env.parse_environment(told["own"]),
        device=tuple(told["device"]),
    )


def announce_import_check(asked: Mapping[str, Any], where: Where | None = None) -> str:
    """Return what is said before a change that takes seconds, as a backend is imported; else ""."""
    backend = options.parse_options(asked).get("backend", "")
    known = (where or default_side()) == "here" and import_check.is_imported(
        sys.executable, backend
    )
    return f"One moment: does {backend} start?" if backend and not known else ""


def write_settings(asked: Mapping[str, Any], where: Where | None = None) -> Changed:
    """Change settings in `keras.json`, in all the words of all versions of Keras.

    Where just the interpreter of its own has Theano, `backend = "theano"` chooses that for
    `%%finetune`, and `keras.json` goes on naming what this Keras can have.
    """
    where = where or default_side()
    settings, before = options.parse_options(asked), show_settings(where)
    theano = settings.get("backend") == "theano" and "theano" not in before.installed.known
    if theano and not before.own.python:
        before.installed.check("theano")
    if theano:
        del settings["backend"]
        # First of all, as it may be that its interpreter does not start any more.
        _ask(where, rpc.select_theano, folder=_own_folder(where), chosen=True)
    told = _ask(where, rpc.write_settings, settings=settings) if settings else {"path": before.path}
    if before.own.chosen and "backend" in settings:
        _ask(where, rpc.select_theano, folder=_own_folder(where), chosen=False)
    return _changed(where, told, before)


def undo_settings(where: Where | None = None) -> Changed:
    """Take the last change of `keras.json` back, or the choice of Theano."""
    where = where or default_side()
    before = show_settings(where)
    if before.own.chosen:
        _ask(where, rpc.select_theano, folder=_own_folder(where), chosen=False)
        return _changed(where, {"path": before.path}, before)
    return _changed(where, _ask(where, rpc.undo_settings), before)


def set_up_theano(python: str = "", where: Where | None = None) -> Changed:
    """Make the interpreter for Keras 1 on Theano, and let `%%finetune` train there."""
    where = where or default_side()
    before = show_settings(where)
    made = _ask(
        where,
        rpc.set_up_theano,
        folder=_own_folder(where),
        base=python,
        requirements=resources.read_text("requirements.txt"),
        files={"site": resources.read_text("site.py"), "theanorc": resources.read_text("theanorc")},
    )
    return _changed(where, {"path": made["python"]}, before)


def show_device(where: Where | None = None) -> DeviceShown:
    """Return which device the backend is told to use, by whom, and which it really uses."""
    where = where or default_side()
    own = show_settings(where).own
    python = own.python if own.chosen else ""
    return DeviceShown(where=where, **_ask(where, rpc.show_device, python, folder=_folder(where)))


def write_device(device: str, where: Where | None = None) -> Changed:
    """Tell the backend another device: Theano by its file, the others by what they may see.

    It lasts: what is seen here is in force from `%load_ext dl_magics` on, and on the instance
    whenever a GPU kernel starts.
    """
    where = where or default_side()
    shown = show_settings(where)
    if training_backend(shown) == "theano":
        theano = shown.own.versions.get("theano", "")
        told = _ask(where, rpc.write_theano_device, device=device, theano=theano)
        return Changed(where, rpc.parse_change(told))
    return _seen(
        shown, _ask(where, rpc.write_visible_devices, device=device, folder=_folder(where))
    )


def undo_device(where: Where | None = None) -> Changed:
    """Take the last change back: of `.theanorc`, or of what the other backends may see."""
    where = where or default_side()
    shown = show_settings(where)
    if training_backend(shown) == "theano":
        return Changed(where, rpc.parse_change(_ask(where, rpc.undo_theano_device)))
    return _seen(shown, _ask(where, rpc.undo_visible_devices, folder=_folder(where)))


def training_backend(shown: Settings) -> str:
    """Return the backend that `%%finetune` trains on."""
    return "theano" if shown.own.chosen else str(shown.now["backend"].value)


def parse_side(word: str) -> Where:
    """Return the place that a widget names."""
    if word not in get_args(Where):
        raise BadSetting(f"{word!r} is no place.", fix="One of: here, there")
    return "here" if word == "here" else "there"


def _changed(where: Where, told: Mapping[str, Any], before: Settings) -> Changed:
    change, after = rpc.parse_change(told), show_settings(where)
    counts = {name: _counts(name, after) for name in options.NAMES if name in change.changed}
    if before.own != after.own:
        trains = {"%%finetune": (before.trains_on, after.trains_on)}
        change = replace(change, changed={**change.changed, **trains})
    return Changed(where, change, counts, after)


def _seen(shown: Settings, told: Mapping[str, Any]) -> Changed:
    """Return the choice of GPUs, in force in this kernel too, and from when on it counts."""
    change = rpc.parse_change(told)
    if shown.where == "there":
        when = "gpu restart"
    elif cuda_visible_devices.user_value() is not None:
        when = "overridden"
    else:
        cuda_visible_devices.apply_selection(_folder("here"))
        when = "restart" if training_backend(shown) in sys.modules else "now"
    counts = {cuda_visible_devices.VARIABLE: when} if change.changed else {}
    return Changed(shown.where, change, counts, shown)


def _counts(name: str, after: Settings) -> str:
    if after.fresh[name].by == effective.BY_VARIABLE:
        return "never"
    return "now" if after.now[name].value == after.fresh[name].value else "restart"


def _folder(where: Where) -> str:
    return str(paths.data_folder()) if where == "here" else _FOLDER_THERE


def _own_folder(where: Where) -> str:
    return f"{_folder(where)}/{theano_env.FOLDER}"


def _ask(
    where: Where, function: Callable[..., dict[str, Any]], python: str = "", **arguments: Any
) -> dict[str, Any]:
    """Call a function of `rpc`: in this process, or in `python` here or on the host.

    Without `python`, the host is asked in the interpreter of the GPU kernel; a `python` is that of
    the environment for Theano.
    """
    if where == "here" and not python:
        return function(**arguments)
    variables = {effective.VARIABLE: "theano"} if python else {}
    if where == "here":
        return blocking.wait_for(
            runner.run_locally(python, function, arguments, variables=variables)
        )
    connected = notebook_kernel.is_connected()
    target = (notebook_kernel.current().host if connected else host.resolve()).resolve_target()
    return blocking.wait_for(
        runner.run(target, python or python_there(), function, arguments, variables=variables)
    )

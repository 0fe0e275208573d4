"""Show and change Keras' settings, on this computer or on the host of the GPU kernel.

The functions of `keras_config.rpc` do the work on both sides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from dl_magics.actions.gpu import host, notebook_kernel
from dl_magics.actions.keras.views import Changed, DeviceView, Settings
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

Where = Literal["local", "remote"]
_REMOTE_FOLDER = "~/.dl_magics"


def default_where() -> Where:
    """Return the default side: "remote" if this notebook has a GPU kernel."""
    return "remote" if notebook_kernel.is_connected() else "local"


def remote_python() -> str:
    """Return the interpreter of the GPU kernel; "python3" without a GPU kernel."""
    return notebook_kernel.current().python if notebook_kernel.is_connected() else "python3"


def show_settings(where: Where | None = None) -> Settings:
    """Return the settings in force, their sources, and what is installed.

    `where` is by default the side of the GPU kernel, here and in all functions below.
    """
    where = where or default_where()
    reply = _call(where, rpc.show_settings, folder=find_folder(where))
    fresh = rpc.parse_effective(reply["in_force"])
    imported = effective.imported_settings(sys.modules) if where == "local" else {}
    return Settings(
        where=where,
        installed=installed.parse_installed(reply["installed"]),
        path=reply["path"],
        fresh=fresh,
        now=effective.apply_imported(fresh, imported),
        can_undo=reply["can_undo"],
        theano=theano_env.parse_environment(reply["theano"]),
        device=tuple(reply["device"]),
    )


def announce_import_check(asked: Mapping[str, Any], where: Where | None = None) -> str:
    """Return the message to print before a check that imports a backend; "" if there is none."""
    backend = options.parse_options(asked).get("backend", "")
    imported = (where or default_where()) == "local" and import_check.is_imported(
        sys.executable, backend
    )
    return f"Checking that {backend} can be imported …" if backend and not imported else ""


def write_settings(asked: Mapping[str, Any], where: Where | None = None) -> Changed:
    """Change settings in `keras.json`, under the names of all versions of Keras.

    If this Keras has no Theano backend, `backend = "theano"` selects the Theano environment for
    `%%finetune`, and the backend in `keras.json` is kept.
    """
    where = where or default_where()
    settings, before = options.parse_options(asked), show_settings(where)
    theano = settings.get("backend") == "theano" and "theano" not in before.installed.known
    if theano and not before.theano.python:
        before.installed.require_backend("theano")
    if theano:
        del settings["backend"]
        # Before keras.json is changed: this raises if the environment no longer starts.
        _call(where, rpc.select_theano, folder=find_theano_folder(where), selected=True)
    reply = (
        _call(where, rpc.write_settings, settings=settings) if settings else {"path": before.path}
    )
    if before.theano.selected and "backend" in settings:
        _call(where, rpc.select_theano, folder=find_theano_folder(where), selected=False)
    return _changed(where, reply, before)


def undo_settings(where: Where | None = None) -> Changed:
    """Undo the last change of keras.json, or the selection of the Theano environment."""
    where = where or default_where()
    before = show_settings(where)
    if before.theano.selected:
        _call(where, rpc.select_theano, folder=find_theano_folder(where), selected=False)
        return _changed(where, {"path": before.path}, before)
    return _changed(where, _call(where, rpc.undo_settings), before)


def set_up_theano(python: str = "", where: Where | None = None) -> Changed:
    """Create the environment for Keras 1 on Theano and select it for `%%finetune`.

    `python` is the interpreter to create it from, or one that already has both.
    """
    where = where or default_where()
    before = show_settings(where)
    environment = _call(
        where,
        rpc.set_up_theano,
        folder=find_theano_folder(where),
        base=python,
        requirements=resources.read_text("requirements.txt"),
        files={"site": resources.read_text("site.py"), "theanorc": resources.read_text("theanorc")},
    )
    return _changed(where, {"path": environment["python"]}, before)


def show_device(where: Where | None = None) -> DeviceView:
    """Return the device the backend is configured to use, and the one it uses."""
    where = where or default_where()
    theano = show_settings(where).theano
    python = theano.python if theano.selected else ""
    found = _call(where, rpc.show_device, python, folder=find_folder(where))
    return DeviceView(where=where, **found)


def write_device(device: str, where: Where | None = None) -> Changed:
    """Select the device: in .theanorc for Theano, by CUDA_VISIBLE_DEVICES for other backends.

    The selection is kept. CUDA_VISIBLE_DEVICES is set locally by `%load_ext dl_magics`, and on
    the host whenever a GPU kernel starts.
    """
    where = where or default_where()
    shown = show_settings(where)
    if training_backend(shown) == "theano":
        theano = shown.theano.versions.get("theano", "")
        reply = _call(where, rpc.write_theano_device, device=device, theano=theano)
        return Changed(where, rpc.parse_change(reply))
    return _visible_devices_changed(
        shown, _call(where, rpc.write_visible_devices, device=device, folder=find_folder(where))
    )


def undo_device(where: Where | None = None) -> Changed:
    """Undo the last change of `.theanorc`, or of CUDA_VISIBLE_DEVICES for other backends."""
    where = where or default_where()
    shown = show_settings(where)
    if training_backend(shown) == "theano":
        return Changed(where, rpc.parse_change(_call(where, rpc.undo_theano_device)))
    return _visible_devices_changed(
        shown, _call(where, rpc.undo_visible_devices, folder=find_folder(where))
    )


def training_backend(shown: Settings) -> str:
    """Return the backend that `%%finetune` trains with."""
    return "theano" if shown.theano.selected else str(shown.now["backend"].value)


def parse_where(word: str) -> Where:
    """Return the side that a widget sent.

    Raises
    ------
    BadSetting
        if it is neither "local" nor "remote".
    """
    if word not in get_args(Where):
        raise BadSetting(f"where is {word!r}.", fix="Use one of: local, remote")
    return "local" if word == "local" else "remote"


def _changed(where: Where, reply: Mapping[str, Any], before: Settings) -> Changed:
    change, after = rpc.parse_change(reply), show_settings(where)
    effect = {name: _effect(name, after) for name in options.NAMES if name in change.changed}
    if before.theano != after.theano:
        engines = {"%%finetune": (before.trains_on, after.trains_on)}
        change = replace(change, changed={**change.changed, **engines})
    return Changed(where, change, effect, after)


def _visible_devices_changed(shown: Settings, reply: Mapping[str, Any]) -> Changed:
    """Return the change of the visible GPUs, after applying it to this kernel if it is local."""
    change = rpc.parse_change(reply)
    if shown.where == "remote":
        when = "gpu restart"
    elif cuda_visible_devices.user_value() is not None:
        when = "overridden"
    else:
        cuda_visible_devices.apply_selection(find_folder("local"))
        when = "restart" if training_backend(shown) in sys.modules else "now"
    effect = {cuda_visible_devices.VARIABLE: when} if change.changed else {}
    return Changed(shown.where, change, effect, shown)


def _effect(name: str, after: Settings) -> str:
    if after.fresh[name].source == effective.FROM_VARIABLE:
        return "never"
    return "now" if after.now[name].value == after.fresh[name].value else "restart"


def find_folder(where: Where) -> str:
    """Return the folder of dl_magics on a side."""
    return str(paths.data_folder()) if where == "local" else _REMOTE_FOLDER


def find_theano_folder(where: Where) -> str:
    """Return the folder of the Theano environment on a side."""
    return f"{find_folder(where)}/{theano_env.FOLDER}"


def _call(
    where: Where, function: Callable[..., dict[str, Any]], python: str = "", **arguments: Any
) -> dict[str, Any]:
    """Call a function of `rpc` and return its reply.

    `python` is the interpreter of the Theano environment. Without it, the function runs in this
    process or, on the host, in the interpreter of the GPU kernel.
    """
    if where == "local" and not python:
        return function(**arguments)
    variables = {effective.VARIABLE: "theano"} if python else {}
    if where == "local":
        return blocking.wait_for(
            runner.run_locally(python, function, arguments, variables=variables)
        )
    connected = notebook_kernel.is_connected()
    target = (notebook_kernel.current().host if connected else host.resolve()).resolve_target()
    return blocking.wait_for(
        runner.run(target, python or remote_python(), function, arguments, variables=variables)
    )

"""Show and change the settings of Keras, in this process or through `remote_code`.

Each function takes and returns JSON values. Python 3.8 compatible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

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
from dl_magics.keras_config.keras_json import Change


def show_settings(folder: str = "") -> dict[str, Any]:
    """Return what is installed, and the settings in force in a new process with their sources.

    `folder` is the data folder of dl_magics; "" if there is none.
    """
    found = installed.inspect_interpreter()
    file = keras_json.find_path(found.major)
    fresh = effective.resolve_settings(found, file, keras_json.read_file(file))
    theano = (
        theano_env.read_environment(f"{folder}/{theano_env.FOLDER}")
        if folder
        else theano_env.TheanoEnvironment()
    )
    return {
        "installed": asdict(found),
        "path": str(file),
        "in_force": asdict(fresh),
        "can_undo": keras_json.can_undo(file),
        "theano": asdict(theano),
        "device": _configured_device(str(fresh["backend"].value), found.versions, theano, folder),
    }


def write_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the backend can be imported, then change `keras.json`."""
    found = installed.inspect_interpreter()
    if "backend" in settings:
        import_check.check_import(found, settings["backend"])
    return asdict(keras_json.write_settings(keras_json.find_path(found.major), settings))


def undo_settings() -> dict[str, Any]:
    """Undo the last change of `keras.json`; a second time redoes it."""
    return asdict(
        keras_json.undo_change(keras_json.find_path(installed.inspect_interpreter().major))
    )


def show_device(folder: str) -> dict[str, Any]:
    """Return the configured device of the backend, its source, and the device in use."""
    return devices.inspect_device(installed.inspect_interpreter(), folder)


def write_theano_device(device: str, theano: str = "") -> dict[str, Any]:
    """Write the device into .theanorc; `theano` is a version, by default the installed one."""
    version = theano or installed.inspect_interpreter().versions.get("theano", "")
    return asdict(theanorc.write_device(device, version))


def undo_theano_device() -> dict[str, Any]:
    """Undo the last change of .theanorc; a second time redoes it."""
    return asdict(theanorc.undo_device())


def write_visible_devices(folder: str, device: str) -> dict[str, Any]:
    """Select the GPUs that TensorFlow, JAX and PyTorch see in new processes."""
    return asdict(cuda_visible_devices.write_selection(folder, device))


def undo_visible_devices(folder: str) -> dict[str, Any]:
    """Undo the last selection of visible GPUs; a second time redoes it."""
    return asdict(cuda_visible_devices.undo_selection(folder))


def set_up_theano(
    folder: str, base: str, requirements: str, files: Mapping[str, str]
) -> dict[str, Any]:
    """Create the environment for Keras 1 on Theano, or use an interpreter that has both."""
    return asdict(theano_env.set_up_environment(folder, base, requirements, files))


def select_theano(folder: str, selected: bool) -> dict[str, Any]:
    """Select the Theano environment for `%%finetune`, or deselect it."""
    return asdict(theano_env.select_environment(folder, selected))


def parse_effective(values: Mapping[str, Any]) -> Effective:
    """Return the "in_force" of `show_settings` as a value."""
    parsed = tuple(Value(**each) for each in values["values"])
    return Effective(parsed, values["refusal"], tuple(values["notes"]))


def parse_change(values: Mapping[str, Any]) -> Change:
    """Return the result of a change as a value."""
    return Change(**values)


def _configured_device(
    backend: str, versions: Mapping[str, str], theano: theano_env.TheanoEnvironment, folder: str
) -> tuple[str, str]:
    if theano.selected:
        backend, versions = "theano", theano.versions
    try:
        return devices.configured_device(backend, versions.get("theano", ""), folder)
    except DLMagicsError as error:
        # Keras' settings are shown even if .theanorc cannot be read.
        return "unknown", str(error)

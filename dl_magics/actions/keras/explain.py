"""The Python code that `%backend --explain` and `%device --explain` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dl_magics.actions.keras import settings as keras_settings
from dl_magics.actions.keras.settings import Where
from dl_magics.keras_config import cuda_visible_devices, options, theanorc
from dl_magics.keras_config import keras_json as keras_config_file
from dl_magics.training.theano import resources

_KERAS_JSON = """\
import json
from pathlib import Path

file = Path({path!r})
settings = json.loads(file.read_text()) if file.exists() else {{}}
settings.update({settings!r})
file.parent.mkdir(exist_ok=True)
file.write_text(json.dumps(settings, indent=4))
"""

_THEANORC = """\
import configparser
import os
from pathlib import Path

file = Path(os.environ.get("THEANORC", "~/.theanorc").split(os.pathsep)[-1]).expanduser()
settings = configparser.RawConfigParser()
settings.read(file)
if not settings.has_section("global"):
    settings.add_section("global")
settings.set("global", "device", {device!r})
with file.open("w") as opened:
    settings.write(opened)
"""

_VISIBLE = """\
import os

# Before the first import of keras, in every process:
{line}
"""


def keras_json(asked: Mapping[str, Any], where: Where | None = None) -> str:
    """Return Python code that writes the settings into `keras.json`."""
    settings = keras_config_file.list_entries(options.parse_options(asked))
    return _KERAS_JSON.format(path=keras_settings.show_settings(where).path, settings=settings)


def reading(where: Where | None = None) -> str:
    """Return which file is read where nothing is changed, as a comment of Python."""
    return f"# It reads {keras_settings.show_settings(where).path} and changes nothing."


def undoing(where: Where | None = None) -> str:
    """Return what `%backend --undo` does, as comments of Python."""
    shown = keras_settings.show_settings(where)
    if shown.theano.selected:
        return "# It selects the environment for Theano no longer, and changes no other file."
    if not shown.can_undo:
        return f"# {shown.path} has no change to undo: nothing is changed."
    return _describe_swap(shown.path)


def undoing_device(where: Where | None = None) -> str:
    """Return what `%device --undo` does, as comments of Python."""
    shown = keras_settings.show_settings(where)
    if keras_settings.training_backend(shown) == "theano":
        return _describe_swap("the last file of THEANORC, by default ~/.theanorc,")
    folder = keras_settings.find_folder(where or keras_settings.default_where())
    return _describe_swap(f"{folder}/{cuda_visible_devices.NAME}")


def setting_up(python: str, where: Where | None = None) -> str:
    """Return what `%backend theano --setup` does, as comments of Python; `python` may be ""."""
    where = where or keras_settings.default_where()
    target = f"{keras_settings.find_theano_folder(where)}/python"
    packages = " ".join(
        line for line in resources.read_text("requirements.txt").split() if "==" in line
    )
    return "\n".join(
        [
            f"# It uses {python} if it has Keras 1 and Theano. Otherwise it runs:"
            if python
            else "# It runs, with a Python that Theano supports:",
            f"#   {python or 'python3'} -m venv {target}",
            f"#   {target}/bin/python -m pip install {packages}",
            f"# It writes {target}/theanorc, and selects this environment for %%finetune.",
        ]
    )


def _describe_swap(path: str) -> str:
    return f"# It swaps {path} and its copy from before the last change (.undo beside it)."


def device(asked: str, where: Where | None = None) -> str:
    """Return Python code that selects the device as `%device` does."""
    shown = keras_settings.show_settings(where)
    if keras_settings.training_backend(shown) == "theano":
        versions = {**shown.installed.versions, **shown.theano.versions}
        return _THEANORC.format(device=theanorc.device_name(asked, versions.get("theano", "")))
    seen, name = cuda_visible_devices.variable_value(asked), cuda_visible_devices.VARIABLE
    line = f'os.environ["{name}"] = "{seen}"' if seen else f'os.environ.pop("{name}", None)'
    return _VISIBLE.format(line=line)

"""The Python code that `%backend --explain` and `%device --explain` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dl_magics.actions.keras import settings as keras_settings
from dl_magics.actions.keras.settings import Where
from dl_magics.keras_config import cuda_visible_devices, options, theanorc

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
    settings = options.parse_options(asked)
    ordering = settings.get("image_data_format")
    if ordering:
        settings["image_dim_ordering"] = options.ORDERINGS[ordering]
    return _KERAS_JSON.format(path=keras_settings.show_settings(where).path, settings=settings)


def reading(where: Where | None = None) -> str:
    """Return which file is read where nothing is changed, as a comment of Python."""
    return f"# It reads {keras_settings.show_settings(where).path} and changes nothing."


def device(asked: str, where: Where | None = None) -> str:
    """Return Python code that selects the device as `%device` does."""
    shown = keras_settings.show_settings(where)
    if keras_settings.training_backend(shown) == "theano":
        versions = {**shown.installed.versions, **shown.theano.versions}
        return _THEANORC.format(device=theanorc.device_name(asked, versions.get("theano", "")))
    seen, name = cuda_visible_devices.variable_value(asked), cuda_visible_devices.VARIABLE
    line = f'os.environ["{name}"] = "{seen}"' if seen else f'os.environ.pop("{name}", None)'
    return _VISIBLE.format(line=line)

"""Keras' settings as a form: the rows of the widget and of the panel, with their choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from dl_magics.actions.keras.views import Changed, Settings
from dl_magics.keras_config import keras_json
from dl_magics.keras_config.keras_json import Change
from dl_magics.keras_config.options import FLOATS, NAMES, ORDERINGS

DEVICES = ("gpu", "gpu0", "gpu1", "cpu")
_BACKENDS = ("tensorflow", "jax", "torch", "theano")


def list_rows(shown: Settings) -> list[dict[str, Any]]:
    """Return {"name", "value", "source", "now", "choices"} of each setting, then of the device."""
    return [*(_describe_setting(shown, name) for name in NAMES), _describe_device(shown)]


def describe_change(changed: Changed) -> list[str]:
    """Return a line for each change, with what else there is to say; none if nothing changed."""
    parts = changed.parts()
    return [*(f"{row[0]}: {row[1]} → {row[3]}" for row in parts.rows), *parts.below]


def describe_undo(shown: Settings) -> list[str]:
    """Return a line for each setting of this computer that Undo changes; none if it changes none.

    Raises BadSetting where there is no change to undo.
    """
    if shown.theano.selected:
        after = replace(shown, theano=replace(shown.theano, selected=False))
        change = Change(shown.path, {"%%finetune": (shown.trains_on, after.trains_on)})
    else:
        change = keras_json.preview_undo(Path(shown.path))
    return describe_change(Changed("local", change))


def _describe_setting(shown: Settings, name: str) -> dict[str, Any]:
    choices = {
        "backend": _list_backends(shown),
        "image_data_format": [{"value": each, "why": ""} for each in ORDERINGS],
        "floatx": [{"value": each, "why": ""} for each in FLOATS],
    }
    value, now = shown.fresh[name], shown.now[name].value
    return {
        "name": name,
        "value": "theano" if name == "backend" and shown.theano.selected else str(value.value),
        "source": value.source,
        "now": str(now) if now != value.value else "",
        "choices": choices.get(name, []),
    }


def _describe_device(shown: Settings) -> dict[str, Any]:
    device, source = shown.device
    return {
        "name": "device",
        # As `%device` takes it; Theano calls it cuda.
        "value": "gpu" if device == "all GPUs" else device.replace("cuda", "gpu"),
        "source": source,
        "now": "",
        "choices": [{"value": each, "why": ""} for each in DEVICES],
    }


def _list_backends(shown: Settings) -> list[dict[str, str]]:
    """Return {"value", "why"} of each backend; `why` is the reason it cannot be selected, or ""."""
    found = shown.installed
    listed = []
    for name in _BACKENDS:
        why = "" if name in found.known and name in found.versions else "not installed"
        if name == "theano" and shown.theano.python:
            why = ""
        listed.append({"value": name, "why": why})
    return listed

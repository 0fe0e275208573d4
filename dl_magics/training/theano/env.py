"""The Theano interpreter of a computer, as set up by `%backend theano --setup`."""

from __future__ import annotations

from pathlib import Path

from dl_magics.keras_config import theano_env, theanorc
from dl_magics.training.theano.process import Interpreter


def find_interpreter(folder: Path) -> Interpreter | None:
    """Return the interpreter recorded in a folder; None if it does not exist."""
    own = theano_env.read_environment(str(folder))
    if not own.python:
        return None
    version = own.versions["theano"]
    configured, _ = theanorc.configured_device(version)
    # Theano 1 fails on the device names of older versions.
    device = theanorc.device_name(configured, version) if configured.startswith("gpu") else ""
    return Interpreter(own.python, str(folder), device)

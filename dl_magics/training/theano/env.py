"""The interpreter with Theano that a computer has, as `%backend theano --setup` left it."""

from __future__ import annotations

from pathlib import Path

from dl_magics.keras_config import theano_env, theanorc
from dl_magics.training.theano.process import Interpreter


def find_interpreter(folder: Path) -> Interpreter | None:
    """Return the interpreter that a folder names; None where there is none any more."""
    own = theano_env.read_environment(str(folder))
    if not own.python:
        return None
    version = own.versions["theano"]
    told, _ = theanorc.configured_device(version)
    # Theano 1 stops at the word that it had for a GPU before.
    device = theanorc.device_name(told, version) if told.startswith("gpu") else ""
    return Interpreter(own.python, str(folder), device)

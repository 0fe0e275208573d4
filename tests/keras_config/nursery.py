"""Import Keras in one fork per home folder, after its backend was imported once. Python 3.8.

Each line on stdin is a home folder; each reply is a JSON line with the settings that Keras reports.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def run_in_fork(function: Callable[[], Any]) -> Any:
    """Return the result of a function that runs in a fork of this process."""
    ours, its = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(its, "w") as pipe:
            json.dump(function(), pipe)
        os._exit(0)
    os.close(its)
    with os.fdopen(ours) as pipe:
        result = json.load(pipe)
    os.waitpid(child, 0)
    return result


def read_settings(home: str) -> list[Any]:
    os.environ["HOME"], os.environ["KERAS_HOME"] = home, f"{home}/.keras"
    sys.modules.pop("keras")
    from keras import backend

    ordering = getattr(backend, "image_dim_ordering", None) or backend.image_data_format
    return [backend.backend(), ordering(), backend.floatx(), backend.epsilon()]


def list_other_modules(home: str) -> list[str]:
    """Return the modules that Keras imports, without its own."""
    read_settings(home)
    return [name for name in sys.modules if name.partition(".")[0] != "keras"]


# Keep TensorFlow from importing Keras.
sys.modules["keras"] = None  # type: ignore[assignment]
importlib.import_module(sys.argv[1])
for name in run_in_fork(lambda: list_other_modules(sys.argv[2])):
    with suppress(Exception):
        importlib.import_module(name)
assert not [name for name in sys.modules if name.startswith("keras.")]
for line in sys.stdin:
    reply = run_in_fork(partial(read_settings, line.strip()))
    OUT.write(json.dumps(reply) + "\n")
    OUT.flush()

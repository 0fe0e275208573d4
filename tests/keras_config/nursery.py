"""Fresh Keras after fresh Keras, on a framework that is imported once. Python 3.8 too.

Each line on stdin is a home; each answer is what a Keras says that a fork imports in it.
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


def born(do: Callable[[], Any]) -> Any:
    """Return what a fork of this process returns."""
    ours, its = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(its, "w") as pipe:
            json.dump(do(), pipe)
        os._exit(0)
    os.close(its)
    with os.fdopen(ours) as pipe:
        said = json.load(pipe)
    os.waitpid(child, 0)
    return said


def settings(home: str) -> list[Any]:
    os.environ["HOME"], os.environ["KERAS_HOME"] = home, f"{home}/.keras"
    sys.modules.pop("keras")
    from keras import backend

    ordering = getattr(backend, "image_dim_ordering", None) or backend.image_data_format
    return [backend.backend(), ordering(), backend.floatx(), backend.epsilon()]


def others(home: str) -> list[str]:
    """Return what Keras imports but itself."""
    settings(home)
    return [name for name in sys.modules if name.partition(".")[0] != "keras"]


# TensorFlow would import it, were it there.
sys.modules["keras"] = None  # type: ignore[assignment]
importlib.import_module(sys.argv[1])
for name in born(lambda: others(sys.argv[2])):
    with suppress(Exception):
        importlib.import_module(name)
assert not [name for name in sys.modules if name.startswith("keras.")]
for line in sys.stdin:
    told = born(partial(settings, line.strip()))
    OUT.write(json.dumps(told) + "\n")
    OUT.flush()

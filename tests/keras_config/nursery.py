"""Write, show and read the settings of Keras in forks of a process with its backend. Python 3.8.

The arguments are the backend, a home folder that selects it, and the folder of our packages. Each
line on stdin has a home folder and settings to write there; each reply has what dl_magics shows
then, and what Keras reports when it is imported.
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


def enter(home: str) -> None:
    """Let this process find Keras, and the settings in that home folder."""
    os.environ["HOME"], os.environ["KERAS_HOME"] = home, f"{home}/.keras"
    sys.modules.pop("keras")


def write_and_show(home: str, settings: dict[str, Any]) -> Any:
    """Return what dl_magics shows after it wrote the settings."""
    enter(home)
    sys.path.append(sys.argv[3])
    from dl_magics.keras_config import rpc

    rpc.write_settings(settings)
    return rpc.show_settings()["in_force"]


def read_settings(home: str) -> list[Any]:
    enter(home)
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
    home, settings = json.loads(line)
    shown = run_in_fork(partial(write_and_show, home, settings))
    OUT.write(json.dumps([shown, run_in_fork(partial(read_settings, home))]) + "\n")
    OUT.flush()

"""Predict with a model that was trained on Theano."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import NotTrained
from dl_magics.keras_config import theano_env
from dl_magics.training.loading import load_check
from dl_magics.training.theano import env
from dl_magics.training.theano.process import Process


class TheanoModel:
    """A model in a Theano interpreter; `size` is the height and width of its images in pixels."""

    def __init__(self, process: Process, size: int) -> None:
        self._process = process
        self.size = size

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return class probabilities, shape (n, classes), of raw pixels (n, size, size, 3)."""
        return self._process.array("predict", pixels)


@contextmanager
def load_model(path: Path, host: Mapping[str, Any]) -> Iterator[TheanoModel]:
    """Load the model of a run that was trained on `host`, in this computer's Theano interpreter.

    The file is checked first: the log of a run and its model may come from an instance, so neither
    names a program, and Keras 1 would run code that a model holds.

    Raises
    ------
    NotTrained
        where this computer has no Theano interpreter.
    NotLoadable, DamagedRun
        where the file holds what the engine does not write, or cannot be read.
    """
    interpreter = env.find_interpreter(path.parents[2] / theano_env.FOLDER)
    if interpreter is None:
        raise NotTrained(
            f"{path} is a model of Keras 1, and this computer has no interpreter with Theano.",
            fix=f"%backend theano --setup --here makes one{_elsewhere(host)}",
        )
    load_check.check_keras_1(path.parent, path)
    with Process(interpreter) as process:
        yield TheanoModel(process, process.ask("load", path=str(path))["size"])


def _elsewhere(host: Mapping[str, Any]) -> str:
    """Return the alternative for a run that was trained on an instance."""
    if host.get("local"):
        return ""
    return " · where it trained: %%gpu, and in it run.predict(…)"

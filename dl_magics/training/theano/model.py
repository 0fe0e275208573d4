"""A model that was trained on Theano, as something that predicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import NotTrained
from dl_magics.training.theano.process import Interpreter, Process


class TheanoModel:
    """Pixels of `size` to probabilities, in the interpreter that trained it."""

    def __init__(self, process: Process, size: int) -> None:
        self._process = process
        self.size = size

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a row an image."""
        return self._process.array("predict", pixels)


@contextmanager
def loaded(path: Path, place: dict[str, Any]) -> Iterator[TheanoModel]:
    """Load a model in the interpreter that the run's `place` names.

    Raises
    ------
    NotTrained
        where that interpreter is gone.
    """
    interpreter = Interpreter(**place)
    if not Path(interpreter.python).is_file():
        raise NotTrained(
            f"The model is one of Keras 1, and its interpreter is gone: {interpreter.python}",
            fix="%backend theano --setup makes it again, at the same place.",
        )
    with Process(interpreter) as process:
        yield TheanoModel(process, process.ask("load", path=str(path))["size"])

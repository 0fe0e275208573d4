"""What computes the features of a batch, as the extraction knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dl_magics.runs.events import Warned

if TYPE_CHECKING:
    from dl_magics.training.engine.views import View

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]
Fetch = Callable[[], Features]


class NotComputedYet(Exception):
    """Raised by a Fetch that has waited for a moment: it may be called again."""


class Compute(Protocol):
    """Computes features of pixels (n, size, size, 3), maybe of a few batches at a time."""

    @property
    def ahead(self) -> int:
        """How many batches should be started before the features of the first are fetched."""

    def start(self, pixels: Pixels, views: Sequence[View] = (), /) -> Fetch:
        """Start a batch; return the function that waits for its features and returns them.

        `views` are the images that the pixels were decoded from.
        """

    def take_warnings(self) -> Iterator[Warned]:
        """Yield each warning that arose since the last call."""

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return what each worker of a crew has done; nothing where this process computes."""


class Immediate:
    """Computes with a plain function, which returns the features."""

    ahead = 0

    def __init__(self, function: Callable[[Pixels], Features]) -> None:
        self._function = function

    def start(self, pixels: Pixels, _views: Sequence[View] = (), /) -> Fetch:
        """Compute the features now."""
        features = self._function(pixels)
        return lambda: features

    def take_warnings(self) -> Iterator[Warned]:
        """Yield nothing."""
        return iter(())

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return nothing."""
        return []

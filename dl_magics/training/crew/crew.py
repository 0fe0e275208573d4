"""A crew as a run knows it: what it computes on, and a network that it takes the place of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dl_magics.runs.events import Warned
from dl_magics.training.crew.batches import Batch, Features
from dl_magics.training.crew.joint.hosts import Job, TrainingHosts
from dl_magics.training.crew.photos import pack_photo
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference.compute import Fetch, Pixels
from dl_magics.training.engine.views import View
from dl_magics.training.recipe.recipe import Recipe

# So many batches wait at each worker while it computes one.
_BATCHES_EACH = 3


@dataclass(frozen=True, slots=True)
class Network:
    """What each worker builds: the frozen part in a precision, known by its `sha256`.

    `shape` is that of the features of an image, `batch_size` the most images at a time, `winograd`
    whether layers are computed by Winograd's algorithm.
    """

    precision: str
    sha256: str
    shape: tuple[int, ...]
    batch_size: int
    winograd: bool = False


class Crew(Protocol):
    """Hosts that compute features together; each starts a worker as soon as it can."""

    def start(self, recipe: Recipe, backend: str) -> None:
        """Begin to start a worker on each host, with a backend of Keras."""

    def wait_for_device(self, stop: Callable[[], bool]) -> Device:
        """Return the device of the workers, with the memory of the smallest.

        Raises DLMagicsError where no worker could be started.
        """

    def use_network(self, network: Network) -> None:
        """Let each worker build a network and begin to compute."""

    @property
    def size(self) -> int:
        """The number of hosts."""

    @property
    def sends_files(self) -> bool:
        """Whether each worker decodes image files to the same pixels as this computer."""

    def submit(self, packed: bytes, images: int) -> int:
        """Send a packed batch to whichever worker is free; return its number."""

    def fetch(self, number: int) -> Features:
        """Return the features of a batch.

        Raises NotComputedYet after a moment, and TrainingFailed where no worker is left.
        """

    def take_warnings(self) -> Iterator[Warned]:
        """Yield each warning that arose since the last call."""

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return what each worker has done."""

    def train_together(
        self, job: Job, stop: Callable[[], bool]
    ) -> tuple[TrainingHosts | None, Sequence[Warned]]:
        """Start training on the hosts that are up; return them, and why others are left out.

        There are none where `stop()` is true before all have started. Raises HostsLost where one is
        lost meanwhile, and TrainingFailed where none is left.
        """

    def close(self) -> None:
        """End all workers."""


class CrewCompute:
    """Computes with a crew, as if it were the network of this process."""

    def __init__(self, crew: Crew, size: int, seed: int) -> None:
        self.ahead = _BATCHES_EACH * crew.size
        self._crew = crew
        self._size, self._seed = size, seed

    def start(self, pixels: Pixels, views: Sequence[View] = (), /) -> Fetch:
        """Send a batch; the function that is returned waits for a moment only."""
        files = self._crew.sends_files
        photos = [
            pack_photo(view, image, self._seed, sends_files=files)
            for view, image in zip(views, pixels, strict=True)
        ]
        packed = Batch(self._size, self._seed, photos).pack()
        number = self._crew.submit(packed, len(photos))
        return lambda: np.asarray(self._crew.fetch(number))

    def take_warnings(self) -> Iterator[Warned]:
        """Yield the warnings about the workers."""
        yield from self._crew.take_warnings()

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return what each worker has done."""
        return self._crew.describe_workers()

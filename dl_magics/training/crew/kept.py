"""What takes the place of a crew where the features of all images are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dl_magics.errors import TrainingFailed
from dl_magics.runs.events import Warned
from dl_magics.training.crew.batches import Features
from dl_magics.training.crew.crew import Network
from dl_magics.training.crew.joint.hosts import Job, TrainingHosts
from dl_magics.training.engine.device import Device
from dl_magics.training.recipe.recipe import Recipe


class KeptFeatures:
    """A crew without workers, for a run that goes on after its features were computed.

    `device` is what they were computed with.
    """

    size = 1
    sends_files = False

    def __init__(self, device: Device) -> None:
        self._device = device

    def start(self, _recipe: Recipe, _backend: str, /) -> None:
        """Start nothing."""

    def wait_for_device(self, _stop: object, /) -> Device:
        """Return the device that computed the features."""
        return self._device

    def use_network(self, _network: Network, /) -> None:
        """Compute nothing with it."""

    def submit(self, _packed: bytes, images: int, /) -> int:
        """Raise TrainingFailed: features are missing that were there."""
        raise TrainingFailed(
            f"The features of {images} images or more are not in the feature store any more.",
            fix="Run the cell again, with its workers up: it computes those that are missing.",
        )

    def fetch(self, _number: int, /) -> Features:
        """Raise TrainingFailed: no batch was sent."""
        raise TrainingFailed("No batch was sent to workers.", fix="Run the cell again.")

    def take_warnings(self) -> Iterator[Warned]:
        """Yield nothing."""
        return iter(())

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return nothing."""
        return []

    def train_together(
        self, _job: Job, _stop: Callable[[], bool], /
    ) -> tuple[TrainingHosts | None, Sequence[Warned]]:
        """Raise TrainingFailed: there is no host to train layers on."""
        raise TrainingFailed(
            "The run trains layers of the network on its workers, of which none is up.",
            fix="Start them (%aws_list shows which), then: %finetune --resume",
        )

    def close(self) -> None:
        """End nothing."""

"""What computes the features of a run: the network of this process, or a crew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dl_magics.training.crew.crew import Crew, CrewCompute, Network
from dl_magics.training.engine import device, fingerprint
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference.compute import Compute
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.recipe.recipe import Recipe


def detect_device(crew: Crew | None, recipe: Recipe, stop: Callable[[], bool]) -> Device:
    """Return the device that will compute the features; begin to start the workers of a crew."""
    found = device.detect_device()
    if crew is None:
        return found
    crew.start(recipe, fingerprint.installed_versions()["backend"])
    return crew.wait_for_device(stop)


def make_compute(
    crew: Crew | None,
    recipe: Recipe,
    frozen: Frozen,
    precision: str,
    found: Device,
    batch_size: int,
) -> Compute:
    """Return what computes batches of this size on the device that was found."""
    if crew is None:
        return KerasCompute(frozen.fast, found, batch_size)
    about = (precision, frozen.sha256, frozen.features, batch_size, frozen.winograd > 0)
    crew.use_network(Network(*about))
    return CrewCompute(crew, recipe.image_size, recipe.seed)


@contextmanager
def ending_workers(crew: Crew | None) -> Iterator[None]:
    """End the workers of a crew, if there is one, at the end of the block."""
    try:
        yield
    finally:
        end_workers(crew)


def end_workers(crew: Crew | None) -> None:
    """End the workers of a crew, if there is one; it may be called again."""
    if crew is not None:
        crew.close()

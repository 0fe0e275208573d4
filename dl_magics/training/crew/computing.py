"""What computes the features of a run: the network of this process, or a crew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dl_magics.training.crew.crew import Crew, CrewCompute, Network
from dl_magics.training.crew.joint.hosts import require_jax
from dl_magics.training.engine import device, fingerprint
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.feature_store import FeatureStore, Store
from dl_magics.training.engine.fine_tuning.fine_tuning import FineTuning
from dl_magics.training.engine.fine_tuning.joined import join_shapes, make_store
from dl_magics.training.engine.inference.compute import Compute
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.recipe.recipe import Recipe


def detect_device(crew: Crew | None, recipe: Recipe, stop: Callable[[], bool]) -> Device:
    """Return the device that will compute the features; begin to start the workers of a crew."""
    found = device.detect_device()
    if crew is None:
        return found
    backend = fingerprint.installed_versions()["backend"]
    require_jax(recipe, backend)
    crew.start(recipe, backend)
    return crew.wait_for_device(stop)


def choose_compute(
    crew: Crew | None,
    recipe: Recipe,
    frozen: Frozen,
    precision: str,
    found: Device,
    batch_size: int,
    features: FeatureStore,
    tuning: FineTuning | None,
) -> tuple[Store, Compute]:
    """Return what is filled, and what computes batches of this size on the device that was found.

    That is `features`, and for what `tuning` trains afterwards activations, too.
    """
    if crew is None:
        if tuning:
            return tuning.fill(features, found, batch_size)
        return features, KerasCompute(frozen.fast, found, batch_size)
    shape = frozen.features
    store: Store = features
    if tuning:
        shape = join_shapes(tuning.split.activations, shape)
        store = make_store(tuning.activations, features)
    about = (precision, frozen.sha256, shape, batch_size, frozen.winograd > 0)
    crew.use_network(Network(*about))
    return store, CrewCompute(crew, recipe.image_size, recipe.seed)


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

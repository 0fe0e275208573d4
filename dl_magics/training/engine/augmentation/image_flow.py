"""Training images that flow: in each epoch they are decoded, augmented and computed in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.core.money import format_duration
from dl_magics.errors import BadSetting, TrainingFailed
from dl_magics.runs.events import Warned
from dl_magics.training.engine.augmentation.function import AugmentFunction
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import open_readers, read_pixels
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.training import choose_training_batch
from dl_magics.training.engine.inference.compute import Compute, Features, Pixels
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.engine.views import Views
from dl_magics.training.recipe.recipe import Recipe

# So many batches are read and augmented while one is computed and trained on.
_BATCHES_AHEAD = 3
_LONGEST_SECONDS = 120.0


def let_images_flow(
    train: Examples, recipe: Recipe, images: ScannedImages, network: Any, found: Device
) -> Examples:
    """Return the examples for training with a flow, if the recipe has an augment function.

    Its values are what `network` computes on the device that was found.
    """
    if not recipe.augment_function:
        return train
    return replace(train, flow=_make_flow(recipe, images, network, found))


def describe_flow(
    recipe: Recipe, images: ScannedImages, network: Any, found: Device
) -> Iterator[Warned]:
    """Try the augment function of a recipe, if it has one; yield how long the epochs take by it.

    Raises BadSetting where the function fails.
    """
    if recipe.augment_function:
        epochs = recipe.epochs + (recipe.unfreeze_epochs if recipe.trains_network else 0)
        yield from _make_flow(recipe, images, network, found).estimate(epochs)


def _make_flow(recipe: Recipe, images: ScannedImages, network: Any, found: Device) -> ImageFlow:
    batch_size = choose_training_batch(recipe.batch_size)
    compute = KerasCompute(network, found, batch_size)
    return ImageFlow(recipe, images.readable(images.train), compute, batch_size)


class ImageFlow:
    """The training images of a recipe with an `augment(image, random)`; `compute` has the network.

    `batch_size` is that of a training step.
    """

    def __init__(self, recipe: Recipe, views: Views, compute: Compute, batch_size: int) -> None:
        self._views = views
        self._compute = compute
        self._size = recipe.image_size
        self._seed = recipe.seed
        self._batch_size = batch_size
        self._augment = AugmentFunction(recipe)

    @contextmanager
    def of_epoch(self, epoch: int, order: NDArray[np.int64]) -> Iterator[EpochValues]:
        """Read the images in this order until the end of the block; `order` has positions."""
        readers = open_readers()

        def read(at: int) -> Future[Pixels]:
            return readers.submit(self._read, at, epoch)

        try:
            yield EpochValues(read, self._compute, order, _BATCHES_AHEAD * self._batch_size)
        except BaseException:
            # A function that does not return must not hold up what ends the run.
            readers.shutdown(wait=False, cancel_futures=True)
            raise
        readers.shutdown(cancel_futures=True)

    def estimate(self, epochs: int) -> Iterator[Warned]:
        """Try the function on a batch; yield how long all epochs take that compute the images."""
        first = range(min(self._batch_size, len(self._views)))
        order = np.array([at for at in first if not isinstance(self._decode(at), str)], np.int64)
        if not len(order):
            return  # the run will say why
        seconds = 0.0
        for epoch in (0, 1):  # where the network is compiled, it is for the first batch
            began = time.perf_counter()
            with self.of_epoch(epoch, order) as values:
                values[order]
            seconds = time.perf_counter() - began
        yield from self._compute.take_warnings()
        each = seconds / len(order) * len(self._views)
        yield Warned(
            code="images_flow",
            text=f"augment(image, random) is called for each image in each epoch: the "
            f"{len(self._views):,} images for training are read and computed {epochs} times, about "
            f"{format_duration(each)} an epoch, {format_duration(each * epochs)} together.",
            fix="augment = 2 computes two copies of each image once, and keeps them.",
        )

    def _read(self, at: int, epoch: int) -> Pixels:
        view, pixels = self._views[at], self._decode(at)
        if isinstance(pixels, str):
            raise TrainingFailed(
                f"{view.file.path.name} cannot be read any more: {pixels}.",
                fix="Put the image back as it was: %finetune --resume · or run the cell again.",
            )
        return self._augment.apply(pixels, view.key, epoch)

    def _decode(self, at: int) -> Pixels | str:
        return read_pixels(self._views[at], self._size, self._seed)


class EpochValues:
    """What the network computes of the images of an epoch, when they are indexed."""

    def __init__(
        self,
        read: Callable[[int], Future[Pixels]],
        compute: Compute,
        order: NDArray[np.int64],
        ahead: int,
    ) -> None:
        self._read = read
        self._compute = compute
        self._coming = iter(order)
        self._ahead = ahead
        self._begun: dict[int, Future[Pixels]] = {}

    def __getitem__(self, chosen: NDArray[Any]) -> Features:
        """Return the values (n, *shape) at an array of positions: the next ones of the order.

        Raises BadSetting where an image does not come for two minutes: a run that waits for a
        function that does not return sees no request to stop, and costs money.
        """
        self._read_ahead()
        try:
            pixels = [self._begun.pop(int(at)).result(_LONGEST_SECONDS) for at in chosen]
        except TimeoutError as error:
            raise BadSetting(
                f"augment(image, random) has returned nothing for {_LONGEST_SECONDS:.0f} s.",
                fix="It is called for each image: it must not wait, and must end. Try it on one: "
                "augment(image, numpy.random.default_rng(0))",
            ) from error
        self._read_ahead()
        return self._compute.start(np.stack(pixels))()

    def _read_ahead(self) -> None:
        while len(self._begun) < self._ahead and (at := next(self._coming, None)) is not None:
            self._begun[int(at)] = self._read(int(at))

"""The features that a head is trained on and checked with, and the weights of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.recipe import Recipe


class Values(Protocol):
    """Values (n, *shape): an array, or what reads them from disk when it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all values as an array."""

    def __getitem__(self, chosen: Any, /) -> NDArray[np.float32]:
        """Return the values at a slice or at an array of positions."""


class Flow(Protocol):
    """Values that are others in each epoch."""

    def of_epoch(
        self, epoch: int, order: NDArray[np.int64], /
    ) -> AbstractContextManager[EpochValues]:
        """Return the values of an epoch, which are read in this order of positions."""


class EpochValues(Protocol):
    """Values (n, *shape) of one epoch."""

    def __getitem__(self, chosen: NDArray[np.int64], /) -> NDArray[np.float32]:
        """Return the values at an array of positions."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Features (n, *shape) with their labels (n,), which index the classes.

    `weights` (n,) are those of their classes in the loss; None is 1 for each. `images` (n,) has the
    number of the image that each is a view of; None is an image of its own for each. With a `flow`,
    training is on its values, which take the place of `features` in each epoch.
    """

    features: Values
    labels: NDArray[np.int64]
    weights: NDArray[np.float32] | None = None
    images: NDArray[np.int64] | None = None
    flow: Flow | None = None

    @property
    def images_per_epoch(self) -> int:
        """The number of images; an epoch has one view of each."""
        return len(self) if self.images is None else len(np.unique(self.images))

    def draw_epoch(self, epoch: int, seed: int) -> NDArray[np.int64]:
        """Return the positions of one view of each image, all in a random order."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self))
        if self.images is None:
            return order
        _, first = np.unique(self.images[order], return_index=True)
        return order[np.sort(first)]

    def of_epoch(self, epoch: int, order: NDArray[np.int64]) -> AbstractContextManager[EpochValues]:
        """Return what is trained on in an epoch, in this order of positions."""
        return self.flow.of_epoch(epoch, order) if self.flow else nullcontext(self.features)

    def __len__(self) -> int:
        return len(self.labels)


def require_weighted_classes(recipe: Recipe, classes: Sequence[str]) -> None:
    """Raise BadSetting where `class_weight` names a class that the folder does not have."""
    if not isinstance(recipe.class_weight, Mapping):
        return
    unknown = sorted(set(recipe.class_weight) - set(classes))
    if unknown:
        raise BadSetting(
            f"class_weight names {unknown[0]!r}, which is no class of {recipe.data}.",
            fix=f"Its classes: {', '.join(classes)}. One that is not named has the weight 1.",
        )


def weigh_classes(
    recipe: Recipe, classes: Sequence[str], labels: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """Return the weight of each class in the loss; None where all have 1.

    "balanced" gives each class the same share: its weight is n / (classes * its images), as in
    scikit-learn. `labels` are those of the training images.
    """
    wanted = recipe.class_weight
    if wanted is None:
        return None
    if isinstance(wanted, Mapping):
        return np.array([wanted.get(name, 1.0) for name in classes], np.float32)
    counts = np.bincount(labels, minlength=len(classes))
    return (len(labels) / (len(classes) * np.maximum(counts, 1))).astype(np.float32)

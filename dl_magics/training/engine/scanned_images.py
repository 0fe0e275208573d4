"""An image folder once its files were read: the views of its images, and what is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.folders import ImageFolder
from dl_magics.runs.events import DataChecked, Warned
from dl_magics.training.checks import data_checks
from dl_magics.training.engine import fingerprint
from dl_magics.training.engine.extraction import Broken, describe_broken, scan_images
from dl_magics.training.engine.feature_store import Store
from dl_magics.training.engine.views import Views
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.steps.budget import Budget


@dataclass
class ScannedImages:
    """The views of an image folder; `broken` maps each unreadable file to the reason."""

    folder: ImageFolder
    train: Views
    valid: Views
    broken: Broken

    def __post_init__(self) -> None:
        # Which of them cannot be decoded, and for how many a budget suffices, is known later.
        self._found = self._digest()

    @property
    def gray(self) -> GrayRange | None:
        """The range by which grayscale of more than 8 bits is scaled, if there is any."""
        return self.train.gray or self.valid.gray

    @property
    def views(self) -> Views:
        """All views, those for training first."""
        return self.train.join(self.valid)

    def describe(self) -> DataChecked:
        """Return the event with their number, what is broken, and what identifies the others."""
        return DataChecked(
            images=len(self.folder.train) + len(self.folder.valid),
            skipped=describe_broken(self.broken),
            gray=[self.gray.black, self.gray.white] if self.gray else [],
            digests=self._digest(),
            found=self._found,
        )

    def shuffle_views(self, seed: int) -> Views:
        """Return all views in a random order: wherever a budget ends, each class has its share."""
        views = self.views
        return views.select(np.random.default_rng(seed).permutation(len(views)))

    def keep_computed(self, store: Store, budget: Budget) -> Iterator[Warned]:
        """Leave out the images whose features a budget did not suffice for, and say how many."""
        train, valid = self.readable(self.train), self.readable(self.valid)
        self.train = train.select(~store.are_missing(train.keys))
        self.valid = valid.select(~store.are_missing(valid.keys))
        if len(self.train) + len(self.valid) < len(train) + len(valid):
            yield budget.warn_of_images(_describe_part((self.train, self.valid), (train, valid)))

    def has_each_class(self) -> bool:
        """Return whether there is a readable image of each class, and one for validation."""
        labels = np.unique(self.readable(self.train).labels)
        return len(labels) == len(self.folder.classes) and len(self.readable(self.valid)) > 0

    def readable(self, views: Views) -> Views:
        """Return the views whose file is not broken."""
        return views.without(self.broken)

    def refuse_broken(self) -> None:
        """Raise BadData where too much of the folder is broken to train on."""
        data_checks.refuse_broken_images(self.folder, self.broken)

    def _digest(self) -> dict[str, str]:
        parts = {"train": self.train, "valid": self.valid}
        return {
            name: fingerprint.digest_images(self.readable(views)) for name, views in parts.items()
        }


def _describe_part(some: Sequence[Views], every: Sequence[Views]) -> str:
    """Return how many of the images are left, and of their augmented copies."""
    left, images = (sum(each.count_images() for each in views) for views in (some, every))
    text = f"{left:,} of {images:,} images"
    left, copies = (sum(each.count_copies() for each in views) for views in (some, every))
    return f"{text}, with {left:,} of {copies:,} augmented copies" if copies else text


def scan_folder(folder: ImageFolder, recipe: Recipe) -> ScannedImages:
    """Read each file of a folder once. Raises BadData where most are broken."""
    broken = Broken()
    train = scan_images(folder.train, recipe.augment, recipe.seed, broken)
    valid = scan_images(folder.valid, 0, recipe.seed, broken, train.gray)
    scanned = ScannedImages(folder, train, valid, broken)
    scanned.refuse_broken()
    return scanned

"""An image folder once its files were read: the views of its images, and what is broken."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.folders import ImageFolder
from dl_magics.runs.events import DataChecked, Warned
from dl_magics.training.checks import data_checks
from dl_magics.training.engine import fingerprint
from dl_magics.training.engine.extraction import Broken, View, describe_broken, scan_images
from dl_magics.training.engine.feature_store import Store
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.steps.budget import Budget


@dataclass(frozen=True)
class ScannedImages:
    """The views of an image folder; `broken` maps each unreadable file to the reason."""

    folder: ImageFolder
    train: list[View]
    valid: list[View]
    broken: Broken

    @property
    def gray(self) -> GrayRange | None:
        """The range by which grayscale of more than 8 bits is scaled, if there is any."""
        return next((view.gray for view in self.views if view.gray), None)

    @property
    def views(self) -> list[View]:
        """All views, those for training first."""
        return [*self.train, *self.valid]

    def describe(self) -> DataChecked:
        """Return the event with their number, what is broken, and what identifies the others."""
        parts = {"train": self.train, "valid": self.valid}
        return DataChecked(
            images=len(self.folder.train) + len(self.folder.valid),
            skipped=describe_broken(self.broken),
            gray=[self.gray.black, self.gray.white] if self.gray else [],
            digests={
                name: fingerprint.digest_images(self.readable(views))
                for name, views in parts.items()
            },
        )

    def shuffle_views(self, seed: int) -> list[View]:
        """Return all views in a random order: wherever a budget ends, each class has its share."""
        views = self.views
        random.Random(seed).shuffle(views)
        return views

    def keep_computed(self, store: Store, budget: Budget) -> Iterator[Warned]:
        """Leave out the images whose features a budget did not suffice for, and say how many."""
        before = len(self.readable(self.views))
        self.train[:] = [view for view in self.readable(self.train) if view.key in store]
        self.valid[:] = [view for view in self.readable(self.valid) if view.key in store]
        if len(self.views) < before:
            yield budget.warn_of_images(len(self.views), before)

    def has_each_class(self) -> bool:
        """Return whether there is a readable image of each class, and one for validation."""
        labels = {view.file.label for view in self.readable(self.train)}
        return len(labels) == len(self.folder.classes) and bool(self.readable(self.valid))

    def readable(self, views: list[View]) -> list[View]:
        """Return the views whose file is not broken."""
        return [view for view in views if view.file.path not in self.broken]

    def refuse_broken(self) -> None:
        """Raise BadData where too much of the folder is broken to train on."""
        data_checks.refuse_broken_images(self.folder, self.broken)


def scan_folder(folder: ImageFolder, recipe: Recipe) -> ScannedImages:
    """Read each file of a folder once. Raises BadData where most are broken."""
    broken = Broken()
    train = scan_images(folder.train, recipe.augment, recipe.seed, broken)
    gray = next((view.gray for view in train if view.gray), None)
    valid = scan_images(folder.valid, 0, recipe.seed, broken, gray)
    scanned = ScannedImages(folder, train, valid, broken)
    scanned.refuse_broken()
    return scanned

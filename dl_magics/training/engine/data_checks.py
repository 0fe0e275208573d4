"""Check the images of a run: raise an error where training is impossible, warn of problems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dl_magics.data import kinds
from dl_magics.data.folders import ImageFolder
from dl_magics.errors import BadData
from dl_magics.runs.events import Warned
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import Broken
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights

_IMBALANCE = 5


def warn_before_training(
    recipe: Recipe, folder: ImageFolder, device: Device, precision: str
) -> Iterator[Warned]:
    """Yield warnings about the settings and the images before training starts."""
    if recipe.mixed_precision is True and precision == "float32":
        yield Warned(
            code="no_half_precision",
            text=f"mixed_precision = True is not faster on {device}: float32 is used.",
            fix='Leave it at mixed_precision = "auto"',
        )
    sizes = folder.counts()["train"]
    large, small = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    if sizes[large] >= _IMBALANCE * sizes[small]:
        yield Warned(
            code="imbalance",
            text=f"{large} has {sizes[large]:,} training images, {small} has {sizes[small]:,}.",
            fix=f"Add images of {small}, or take the same number of each: "
            f"sample = {max(sizes[small], 2)}",
        )


def warn_of_download(recipe: Recipe, folder: Path) -> Iterator[Warned]:
    """Yield a warning if the weights have to be downloaded."""
    if weights.needs_download(applications.APPLICATIONS[recipe.model], recipe.weights, folder):
        yield Warned(
            code="fetching_weights",
            text=f"The ImageNet weights of {recipe.model} are not on this computer yet; "
            "they are downloaded now.",
            fix="This happens once.",
        )


def refuse_broken_images(folder: ImageFolder, broken: Broken) -> None:
    """Raise BadData if more than half of the files, or all of a class, are not valid images."""
    files = [*folder.train, *folder.valid]
    if 2 * len(broken) > len(files):
        path, reason = next(iter(sorted(broken.items())))
        raise BadData(
            f"{len(broken):,} of {len(files):,} files in {folder.root} are not valid images, "
            f"such as {path.name}: {reason}.",
            fix=kinds.describe_conversion(reason)
            or "Keep one folder per class, with images in it.",
        )
    for part, listed in (("training", folder.train), ("validation", folder.valid)):
        left = {file.label for file in listed if file.path not in broken}
        for label, name in enumerate(folder.classes):
            if label not in left:
                raise BadData(
                    f"The class {name!r} has no valid {part} image left.",
                    fix=f"Add images to the folder {name}, or delete the folder.",
                )

"""Check the images of a run: raise an error where training is impossible, warn of problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log
from pathlib import Path

import numpy as np

from dl_magics.data import kinds, walk
from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.folders import ImageFolder
from dl_magics.data.quality import copies, folder_rules, parts
from dl_magics.errors import BadData
from dl_magics.runs.events import EpochEnded, Warned
from dl_magics.text import escape_controls
from dl_magics.training.backbones import load
from dl_magics.training.engine.device import Device, format_devices
from dl_magics.training.engine.extraction import Broken
from dl_magics.training.engine.features.key_index import list_repeated
from dl_magics.training.engine.heads.training import RATES
from dl_magics.training.engine.views import View, Views
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.recipe import Recipe

_FEW_TO_VALIDATE = 30
_SHOW = "%check_data PATH shows them"
# A head that guesses has a loss of log(classes).
_DIVERGING = 10


def warn_before_training(
    recipe: Recipe, folder: ImageFolder, device: Device, precision: str
) -> Iterator[Warned]:
    """Yield warnings about the device, the settings and the images before training starts."""
    yield from _warn_of_idle_gpus(device)
    if recipe.mixed_precision is True and precision == "float32":
        yield Warned(
            code="no_half_precision",
            text=f"mixed_precision = True is not faster on {device}: float32 is used.",
            fix='Leave it at mixed_precision = "auto"',
        )
    sizes = folder.counts()["train"]
    extreme = folder_rules.find_extreme_classes(sizes)
    if extreme and recipe.class_weight is None:
        large, small = extreme
        yield Warned(
            code="imbalance",
            text=f"{large} has {sizes[large]:,} training images, {small} has {sizes[small]:,}.",
            fix='Give each class the same share of the loss: class_weight = "balanced" · or add '
            f"images of {small}",
        )

    n, more = len(folder.valid), len(folder.train)
    if n < _FEW_TO_VALIDATE and more > folder_rules.IMBALANCE * n:
        yield Warned(
            code="few_validation_images",
            text=f"{n} validation images beside {more:,} for training: each is {100 / n:.1f} % of "
            "val_accuracy, which says little.",
            fix="Move more images there, or rename the folder: then valid = 0.2 of the training "
            "images are split off.",
        )


def warn_of_duplicates(classes: Sequence[str], train: Views, valid: Views) -> Iterator[Warned]:
    """Yield a warning for files of the same content in two classes, or in training and validation.

    The views have the sha256 of their file as key; augmented copies are passed over.
    """
    trained = train.select(train.copies == 0)
    both = trained.join(valid.select(valid.copies == 0))
    groups = copies.group_by_content(list_repeated(both.keys).tolist(), lambda at: both[at].key)
    leaked = [
        (both[inside[0]], both[each])
        for group in groups
        if (inside := [at for at in group if at < len(trained)])
        for each in group[len(inside) :]
    ]
    if leaked:
        yield Warned(
            code="images_in_both_parts",
            text=f"{len(leaked):,} validation images are training images, too, such as "
            f"{_name_pair(*leaked[0])}: val_accuracy is too high.",
            fix=f"{_SHOW} · --fix moves the copies for training into a quarantine.",
        )
    twice = [
        (both[group[0]], both[each])
        for group in groups
        for each in group[1:]
        if both.labels[each] != both.labels[group[0]]
    ]
    if twice:
        named = " and ".join(classes[each.file.label] for each in twice[0])
        yield Warned(
            code="images_in_two_classes",
            text=f"{len(twice):,} images are in two classes, such as {_name_pair(*twice[0])} in "
            f"{named}.",
            fix=f"Delete the file in the wrong class. {_SHOW}",
        )


def _warn_of_idle_gpus(device: Device) -> Iterator[Warned]:
    """Yield a warning where the backend sees GPUs that the run does not use."""
    if not device.idle:
        return
    import keras

    others = ", ".join(
        format_devices(name, count) for name, count in sorted(Counter(device.idle).items())
    )
    if keras.config.backend() == "torch":
        yield Warned(
            code="idle_gpus",
            text=f"Keras computes on one GPU with PyTorch, {device}. Not used: {others}.",
            fix="JAX and TensorFlow use all GPUs: %backend jax, then restart the kernel.",
        )
    else:
        yield Warned(
            code="idle_gpus",
            text=f"A run uses GPUs of one kind, {device}. Not used: {others}.",
            fix="To choose another GPU, by its number: %device gpu1, then restart the kernel.",
        )


def warn_of_layout(folder: ImageFolder) -> Iterator[Warned]:
    """Yield a warning for images and folders beside those of the classes: no run reads them."""
    try:
        unused = parts.find_parts(folder.root).unused
    except (BadData, OSError):  # it has changed since the run found its images
        return
    if unused:
        some = escape_controls(walk.shorten_list(list(unused), 3))
        yield Warned(
            code="files_in_no_class",
            text=f"{len(unused):,} images or folders are in no class, and are not used: {some}.",
            fix=f"Move them into the folder of their class. {_SHOW}",
        )


def warn_of_gray(gray: GrayRange | None) -> Iterator[Warned]:
    """Yield a warning that says how grayscale of more than 8 bits is scaled, if there is any."""
    if gray:
        yield Warned(
            code="deep_gray",
            text=f"There are images with more than 8 bits of gray: {gray.black:g} becomes black "
            f"and {gray.white:g} white, the range of all training images.",
            fix="run.predict does the same; do so where the model is used elsewhere.",
        )


def warn_of_divergence(epoch: EpochEnded, recipe: Recipe, classes: int) -> Iterator[Warned]:
    """Yield a warning where val_loss is far above that of a guess."""
    guess, loss = log(classes), epoch.logs["val_loss"]
    if loss > _DIVERGING * guess:
        lower = min(recipe.rate_of(epoch.phase) / 10, 1e-3)
        yield Warned(
            code="learning_rate_too_high",
            text=f"val_loss {loss:,.4g} after epoch {epoch.epoch}, where a guess has {guess:.2g}: "
            "training diverges.",
            fix=f"Lower the learning rate: {RATES[epoch.phase]} = {lower:g}",
        )


def warn_of_download(recipe: Recipe, folder: Path) -> Iterator[Warned]:
    """Yield a warning if the weights have to be downloaded."""
    if load.needs_download(pretrained.find_pretrained(recipe.model), recipe.weights, folder):
        yield Warned(
            code="fetching_weights",
            text=f"The pretrained weights of {recipe.model} are not on this computer yet; "
            "they are downloaded now.",
            fix="This happens once.",
        )


def _name_pair(one: View, other: View) -> str:
    """Name two files by their folder and name."""
    return " and ".join(
        escape_controls(f"{each.file.path.parent.name}/{each.file.path.name}")
        for each in (one, other)
    )


def refuse_broken_images(folder: ImageFolder, broken: Broken) -> None:
    """Raise BadData if more than half of the files, or all of a class, are not valid images."""
    files = len(folder.train) + len(folder.valid)
    if 2 * len(broken) > files:
        path, reason = next(iter(sorted(broken.items())))
        raise BadData(
            f"{len(broken):,} of {files:,} files in {folder.root} are not valid images, "
            f"such as {path.name}: {reason}.",
            fix=kinds.describe_conversion(reason)
            or "Keep one folder per class, with images in it.",
        )
    for part, listed in (("training", folder.train), ("validation", folder.valid)):
        left = np.unique(listed.labels[listed.are_none_of(broken)])
        for label, name in enumerate(folder.classes):
            if label not in left:
                raise BadData(
                    f"The class {name!r} has no valid {part} image left.",
                    fix=f"Add images to the folder {name}, or delete the folder.",
                )

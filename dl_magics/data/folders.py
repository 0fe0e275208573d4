"""An image folder as a value: its classes, training images and validation images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import classes, layout, sidecars, walk
from dl_magics.data.classes import ClassFiles
from dl_magics.data.image_files import ImageFiles, PackedNames
from dl_magics.data.split import shuffle_positions, split_positions
from dl_magics.errors import BadData

Parts = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images below `root`; `train` and `valid` are sorted by class, then by name."""

    root: Path
    classes: tuple[str, ...]
    train: ImageFiles
    valid: ImageFiles

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images of each class, in "train" and in "valid"."""
        return {"train": self._count(self.train), "valid": self._count(self.valid)}

    def _count(self, files: ImageFiles) -> dict[str, int]:
        found = np.bincount(files.labels, minlength=len(self.classes))
        return {name: int(found[label]) for label, name in enumerate(self.classes)}


def find_images(
    root: str | Path, *, valid: float = 0.2, sample: int | None = None, seed: int = 42
) -> ImageFolder:
    """Find the training and validation images below a folder.

    Parameters
    ----------
    root
        Contains `train/<class>` and `valid/<class>`, or `train/<class>` only, or the classes; see
        `layout`. All files below the folder of a class belong to it, at any depth, but for
        sidecar files. Files are not read here: invalid images are reported when they are decoded.
    valid
        The fraction of each class used for validation, where there is no validation folder.
    sample
        The number of training images per class; `sample * valid`, at least one, are used for
        validation. A larger sample contains the smaller one.
    seed
        The same seed gives the same images on any computer.

    Raises
    ------
    BadData
        where the folder is missing, or does not have this layout.
    """
    chosen: list[Parts]
    with walk.convert_os_errors(root):
        top = layout.require_folder(root)
        teaching, checking = layout.find_train_and_valid(root)
        found = classes.find_classes(teaching)
        if checking == teaching:
            found = classes.require_divisible(teaching, found)
            held = found
            halves = {name: split_positions(files, valid, seed) for name, files in found.items()}
            chosen = [{name: half[part] for name, half in halves.items()} for part in (0, 1)]
        else:
            held = classes.find_matching_classes(checking, teaching, found)
            chosen = [{name: np.arange(len(each[name])) for name in each} for each in (found, held)]
    if sample is not None:
        sizes = sample, max(1, round(sample * valid))
        chosen = [
            _draw(files, part, size, seed)
            for files, part, size in zip((found, held), chosen, sizes, strict=True)
        ]
    listed = [
        _list_files(top, folder, files, part)
        for folder, files, part in zip((teaching, checking), (found, held), chosen, strict=True)
    ]
    # In one block of memory, as most of what follows takes both.
    files = listed[0].join(listed[1])
    return ImageFolder(top, tuple(found), files[: len(listed[0])], files[len(listed[0]) :])


def find_files(root: str | Path) -> list[Path]:
    """Return all files below `root` but sidecars, sorted, or `root` if it is a file.

    Raises BadData where there is none.
    """
    with walk.convert_os_errors(root):
        top = walk.existing_path(root)
        if not top.is_dir():
            return [top]
        found = [top / name for name in sidecars.leave_out(walk.list_files(top))]
    if not found:
        raise BadData(f"There is no file in '{top}'.", fix="Name an image, or a folder of images.")
    return found


def _draw(found: ClassFiles, chosen: Parts, n: int, seed: int) -> Parts:
    return {
        name: part[shuffle_positions(found[name].select(part), seed)[:n]]
        for name, part in chosen.items()
    }


def _list_files(top: Path, folder: Path, found: ClassFiles, chosen: Parts) -> ImageFiles:
    above = "" if folder == top else f"{folder.relative_to(top).as_posix()}/"
    names = PackedNames(
        above + name for each in found for name in found[each].select(np.sort(chosen[each]))
    )
    sizes = [len(chosen[each]) for each in found]
    return ImageFiles(top, names, np.repeat(np.arange(len(found), dtype=np.int32), sizes))

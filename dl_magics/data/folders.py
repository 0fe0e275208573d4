"""An image folder as a value: its classes, training images and validation images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dl_magics.data import classes, layout, sidecars, walk
from dl_magics.data.classes import ClassFiles
from dl_magics.data.split import shuffle_names, split_names
from dl_magics.errors import BadData


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file that is not read yet; `label` is an index into the classes of its folder."""

    path: Path
    label: int


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images below `root`; `train` and `valid` are sorted by class, then by name."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[ImageFile, ...]
    valid: tuple[ImageFile, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images of each class, in "train" and in "valid"."""
        return {"train": self._count(self.train), "valid": self._count(self.valid)}

    def _count(self, files: tuple[ImageFile, ...]) -> dict[str, int]:
        found = Counter(file.label for file in files)
        return {name: found[label] for label, name in enumerate(self.classes)}


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
    with walk.convert_os_errors(root):
        top = layout.require_folder(root)
        teaching, checking = layout.find_train_and_valid(root)
        found = classes.find_classes(teaching)
        if checking == teaching:
            train, held = _split(classes.require_divisible(teaching, found), valid, seed)
        else:
            train, held = found, classes.find_matching_classes(checking, teaching, found)
    if sample is not None:
        train = _draw(train, sample, seed)
        held = _draw(held, max(1, round(sample * valid)), seed)
    return ImageFolder(top, tuple(found), _list_files(teaching, train), _list_files(checking, held))


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


def _split(found: ClassFiles, valid: float, seed: int) -> tuple[ClassFiles, ClassFiles]:
    halves = {name: split_names(files, valid, seed) for name, files in found.items()}
    train = {name: sorted(half[0]) for name, half in halves.items()}
    return train, {name: sorted(half[1]) for name, half in halves.items()}


def _draw(found: ClassFiles, n: int, seed: int) -> ClassFiles:
    return {name: sorted(shuffle_names(files, seed)[:n]) for name, files in found.items()}


def _list_files(folder: Path, found: ClassFiles) -> tuple[ImageFile, ...]:
    return tuple(
        ImageFile(folder / name, label)
        for label, each in enumerate(sorted(found))
        for name in found[each]
    )

"""Find the training and validation folders of an image folder by their common names."""

from __future__ import annotations

import re
from pathlib import Path

from dl_magics.data import walk
from dl_magics.errors import BadData

LAYOUT = "Create one folder per class, as in cats/1.jpg and dogs/2.jpg, here or in 'train'."

# Names of public data sets: train, Training, seg_train, train_set; val, valid, validation; test1.
_ROLES = {
    role: re.compile(rf"(seg_)?({names})([ _-]?(set|images|data))?", re.IGNORECASE)
    for role, names in (
        ("train", "train|training"),
        ("valid", "val|valid|validation"),
        ("test", r"test|testing|test\d+|pred"),
    )
}
_NUMBERED = re.compile(r"(?P<name>[^\W\d](?:[\w -]*[^\W\d])?)[._ -]*\d+\.\w+")
_MOST_CLASSES = 20


def find_train_and_valid(root: str | Path) -> tuple[Path, Path]:
    """Return the folders that hold the classes of training and of validation images.

    They are the same folder where validation images are to be split off. A folder is one part of
    the images if it has the name of a part and contains folders; else it is a class.

    Raises
    ------
    BadData
        where two folders have the same part, the training images are missing, images lie beside
        each other without a folder of their class, or parts seem to have other names.
    """
    top = require_folder(root)
    inside = walk.list_folders(top)
    parts = {role: [each for each in inside if _is_part(each, role)] for role in _ROLES}
    for role in ("train", "valid"):
        if len(parts[role]) > 1:
            names = " and ".join(f"'{each.name}'" for each in parts[role])
            raise BadData(f"'{top}' has {names}.", fix=f"Keep one of them for '{role}'.")
    if parts["train"]:
        train = _step_in(parts["train"][0])
        return train, _step_in(parts["valid"][0]) if parts["valid"] else train
    for each in (*parts["valid"], *parts["test"]):
        raise BadData(f"'{top}' has '{each.name}', but no 'train'.", fix=LAYOUT)
    if all(_role_of(each) for each in inside):
        for each in inside or [top]:
            require_class_folders(each)
    _require_different_folders(top, inside)
    return top, top


def find_test(root: Path) -> Path | None:
    """Return the folder of the test images beside the training images; None if there is none."""
    found = list(filter(is_test, walk.list_folders(root)))
    return _step_in(found[0]) if len(found) == 1 else None


def is_test(folder: Path) -> bool:
    """Return whether a folder has the name of test images."""
    return _role_of(folder) == "test"


def require_folder(root: str | Path) -> Path:
    """Return the folder; raise BadData if it is missing, or a file."""
    top = walk.existing_path(root)
    if not top.is_dir():
        raise BadData(f"'{top}' is a file.", fix="Name the folder that holds the classes.")
    return top


def guess_class(name: str) -> str:
    """Return the class that a numbered file name names, as `cat` of `cat.0.jpg`, or ""."""
    found = _NUMBERED.fullmatch(name)
    return found["name"] if found else ""


def require_class_folders(folder: Path) -> None:
    """Raise BadData where a folder has no folders; guess the classes from the names of its files.

    `cat.0.jpg` and `dog.0.jpg` look like the classes cat and dog.
    """
    if walk.list_folders(folder):
        return
    guessed = sorted({found for name in walk.list_files(folder) if (found := guess_class(name))})
    fix = LAYOUT
    if 2 <= len(guessed) <= _MOST_CLASSES:
        fix = (
            f"The names of its files look like the classes {walk.shorten_list(guessed)}: "
            f"%split_data '{folder}' makes folders of them."
        )
    raise BadData(f"'{folder}' has no class folders.", fix=fix)


def _role_of(folder: Path) -> str:
    return next((role for role, each in _ROLES.items() if each.fullmatch(folder.name)), "")


def _is_part(folder: Path, role: str) -> bool:
    return _role_of(folder) == role and bool(walk.list_folders(folder))


def _step_in(part: Path) -> Path:
    """Return the folder of the classes: zip files of data sets often contain `train/train/`."""
    inside = walk.list_folders(part)
    deeper = len(inside) == 1 and len(walk.list_folders(inside[0])) > 1
    return _step_in(inside[0]) if deeper else part


def _require_different_folders(top: Path, inside: list[Path]) -> None:
    """Raise BadData where all folders hold the same folders: they are parts, not classes."""
    held = {tuple(each.name for each in walk.list_folders(folder)) for folder in inside}
    if len(inside) > 1 and len(held) == 1 and len(same := held.pop()) > 1:
        raise BadData(
            f"'{top}' has no 'train', and {walk.shorten_list([each.name for each in inside])} "
            f"hold the same folders: {walk.shorten_list(list(same))}.",
            fix="Rename the folder of the training images to 'train' and that of the validation "
            "images, if there is one, to 'valid'.",
        )

"""The classes of an image folder: one subfolder per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dl_magics.data import layout, sidecars, walk
from dl_magics.data.image_files import PackedNames
from dl_magics.errors import BadData

# Class -> its files, relative to the folder that contains the classes: "cats/1.jpg". Their order is
# that of the labels.
ClassFiles = Mapping[str, PackedNames]


def find_classes(folder: Path) -> ClassFiles:
    """Return the files of each class in a folder.

    Raises BadData where there are fewer than two classes, or a class has no files.
    """
    names = _names(folder)
    layout.require_class_folders(folder)
    if len(names) == 1:
        (only,) = names
        deeper = len(walk.list_folders(folder / only)) > 1
        fix = f"Did you mean '{folder / only}'?" if deeper else "Add a folder for a second class."
        raise BadData(f"'{folder}' has one class only, '{only}'.", fix=fix)
    for name, found in names.items():
        if not found:
            raise BadData(
                f"Class '{name}' has no image: '{folder / name}' is empty.",
                fix="Put images into that folder, or delete it.",
            )
    return names


def find_matching_classes(folder: Path, model: Path, names: ClassFiles) -> ClassFiles:
    """Return the files of each class in `folder`, which must have the classes of `model`.

    `names` are the classes of the folder `model`. Raises BadData where they differ.
    """
    held = _names(folder)
    for name in held.keys() - names.keys():
        raise BadData(
            f"Class '{name}' is in '{folder}', but not in '{model}'.",
            fix=f"Classes in '{model.name}': {walk.shorten_list(list(names))}. "
            "Give both the same folders.",
        )
    for name in names:
        if not held.get(name):
            raise BadData(
                f"Class '{name}' has no image in '{folder}'.",
                fix=f"Move some there from '{model / name}', or delete '{folder}'.",
            )
    return held


def find_known_classes(folder: Path, known: Sequence[str]) -> ClassFiles:
    """Return the files of each class in `folder`, which may lack some of the `known` classes.

    Raises BadData where it has other classes, or no file.
    """
    held = _names(folder)
    for name in held.keys() - set(known):
        raise BadData(
            f"Class '{name}' is in '{folder}', but is not one of {walk.shorten_list(list(known))}.",
            fix=f"Rename or move '{folder / name}'.",
        )
    if not any(held.values()):
        raise BadData(
            f"'{folder}' has no images.", fix="Put images into the folders of its classes."
        )
    return held


def require_divisible(folder: Path, names: ClassFiles) -> ClassFiles:
    """Return `names`; raise BadData where a class has fewer than two files."""
    for name, found in names.items():
        if len(found) < 2:
            raise BadData(
                f"Class '{name}' has a single image, '{folder / found[0]}'.",
                fix="Add another: training and validation each need at least one.",
            )
    return names


def _names(folder: Path) -> ClassFiles:
    names: dict[str, PackedNames] = {}
    for each in walk.list_folders(folder):
        # macOS decomposes the letters of a name: both forms are one class.
        name = walk.name_as_text(each)
        files = sidecars.leave_out(walk.list_files(each))
        packed = PackedNames(f"{each.name}/{file}" for file in files)
        names[name] = names[name].join(packed) if name in names else packed
    # By their names as text: folders whose letters are decomposed have another order.
    return dict(sorted(names.items()))

"""The files of a folder by part and class, and those that belong to neither."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.data import layout, sidecars, walk
from dl_magics.data.kinds import HEAD, detect_format
from dl_magics.errors import BadData


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a data set: `path` below the root, `part` and `label`, each "" if it has none."""

    path: str
    part: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The files below `root`; `folders` are the folders of the classes, by part and class.

    `unused` are images and folders beside them, which no training reads. `problem` is the layout
    that keeps the folder from being trained on, and how to change it.
    """

    root: Path
    files: tuple[DataFile, ...]
    folders: dict[tuple[str, str], list[str]]
    unused: tuple[str, ...]
    problem: tuple[str, str] | None = None

    def count_images(self) -> dict[str, dict[str, int]]:
        """Return the number of files of each class, by part."""
        counts: dict[str, dict[str, int]] = {}
        for (part, label), names in self.folders.items():
            counts.setdefault(part, {})[label] = len(names)
        return counts


def find_parts(root: str | Path) -> Parts:
    """Return the files of a folder of any layout.

    Raises
    ------
    BadData
        where the folder is missing, or has no file.
    """
    with walk.convert_os_errors(root):
        top = layout.require_folder(root)
        try:
            train, valid = layout.find_train_and_valid(top)
            layout.require_class_folders(train)
        except BadData as error:
            names = sidecars.leave_out(walk.list_files(top))
            files = tuple(DataFile(name) for name in names)
            found = Parts(top, files, {}, (), (str(error), error.fix))
        else:
            found = _list_parts(top, train, valid)
    if not found.files and not found.unused:
        raise BadData(f"There is no file in '{top}'.", fix=layout.LAYOUT)
    return found


def _list_parts(top: Path, train: Path, valid: Path) -> Parts:
    parts = {"": train} if train == valid else {"train": train, "valid": valid}
    if train != top and (test := layout.find_test(top)):
        parts["test"] = test
    files: list[DataFile] = []
    folders: dict[tuple[str, str], list[str]] = {}
    unused: list[str] = []
    for part, folder in parts.items():
        inside = walk.list_folders(folder)
        for each in inside:
            names = [
                f"{each.relative_to(top).as_posix()}/{name}"
                for name in sidecars.leave_out(walk.list_files(each))
            ]
            label = walk.name_as_text(each)
            folders.setdefault((part, label), []).extend(names)
            files += [DataFile(name, part, label) for name in names]
        beside = [each.relative_to(top).as_posix() for each in walk.list_own_files(folder)]
        if inside:
            unused += [name for name in beside if _is_image(top / name)]
        else:  # a test folder without classes
            files += [DataFile(name, part) for name in sidecars.leave_out(beside)]
    if train != top:
        known = {folder.relative_to(top).parts[0] for folder in parts.values()} | {"sample"}
        unused += [
            f"{each.name}/"
            for each in walk.list_folders(top)
            if each.name not in known
            and not layout.is_test(each)
            and any(_is_image(each / name) for name in walk.list_files(each))
        ]
        unused += [each.name for each in walk.list_own_files(top) if _is_image(each)]
    return Parts(top, tuple(files), folders, tuple(unused))


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return detect_format(file.read(HEAD)) is not None
    except OSError:
        return False

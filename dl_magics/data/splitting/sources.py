"""The images of a data set and their classes: by folder, by file name, or by a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dl_magics.data import classes, layout, sidecars, walk
from dl_magics.data.splitting import label_list
from dl_magics.errors import BadData


@dataclass(frozen=True, slots=True)
class Source:
    """The images below `root`: their class by their path there, and the path in their class.

    `unused` are the files that have no class.
    """

    root: Path
    labels: Mapping[str, str]
    inner: Mapping[str, str]
    unused: tuple[str, ...] = field(default=())


def find_source(root: str | Path, list_file: str = "", column: str = "") -> Source:
    """Return the images of a data set that is not split yet.

    Parameters
    ----------
    root
        A folder with one folder per class, in `train` if there is one, or with files beside each
        other that are named by their class, as `cat.0.jpg`.
    list_file
        A CSV or JSON file with the class of each image; see `label_list`.
    column
        The column of the classes in it.

    Raises
    ------
    BadData
        where the images have no classes, or are split already.
    """
    with walk.convert_os_errors(root):
        top = layout.require_folder(root)
        if list_file:
            return _from_list(top, list_file, column)
        train, valid = layout.find_train_and_valid(top) if walk.list_folders(top) else (top, top)
        if train != valid:
            raise BadData(
                f"'{top}' is split already: it has '{train.name}' and '{valid.name}'.",
                fix="To split the images for training once more: "
                f"%split_data '{train}' --to NEW_FOLDER",
            )
        return _from_folders(train) if walk.list_folders(train) else _from_names(train)


def _from_folders(folder: Path) -> Source:
    found = classes.find_classes(folder)
    labels = {name: label for label, names in found.items() for name in names}
    beside = sidecars.leave_out(each.name for each in walk.list_own_files(folder))
    inner = {name: name.partition("/")[2] for name in labels}
    return _checked(Source(folder, labels, inner, tuple(beside)))


def _from_names(folder: Path) -> Source:
    """Return the files `cat.0.jpg` by their class `cat`."""
    names = sidecars.leave_out(walk.list_files(folder))
    found = {name: layout.guess_class(name) for name in names}
    labels = {name: label for name, label in found.items() if label}
    if len(set(labels.values())) < 2:
        lists = [each.name for each in walk.list_own_files(folder) if label_list.is_list(each)]
        hint = f" · by a list: --list '{folder / lists[0]}'" if lists else ""
        raise BadData(
            f"'{folder}' has no folders of classes, and the names of its files name no classes.",
            fix=f"{layout.LAYOUT}{hint}",
        )
    unused = tuple(name for name in names if name not in labels)
    return _checked(Source(folder, labels, {name: name for name in labels}, unused))


def _from_list(folder: Path, list_file: str, column: str) -> Source:
    path = walk.existing_path(list_file)
    names = sidecars.leave_out(walk.list_files(folder))
    labels = label_list.read_labels(path, names, column)
    unused = tuple(name for name in names if name not in labels)
    return _checked(Source(folder, labels, {name: name for name in labels}, unused))


def _checked(source: Source) -> Source:
    """Return the source; raise BadData where a class cannot be the name of a folder."""
    counts = Counter(source.labels.values())
    for label in counts:
        if not label or label.startswith(".") or set(label) & set('/\\\0:*?"<>|'):
            raise BadData(
                f"The class {label!r} cannot be the name of a folder.",
                fix="Give it another name in the list, or name another column with --column",
            )
    if len(counts) < 2:
        raise BadData(
            f"'{source.root}' has {len(counts)} classes with images.",
            fix="Two are the least; --column names the column of the classes in a list.",
        )
    return source

"""Move files of a data set into a hidden folder of it, and put them back, byte for byte.

`.quarantine/TIME/` holds the files under their own paths, and `list.jsonl` beside them names each
before it is moved: if a move is interrupted, the list leads back. A hidden folder is no class and
is read by no training. Nothing is deleted, and nothing is replaced: where a file has taken the
place of one in the quarantine, that one stays there and is named.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dl_magics.data import layout
from dl_magics.errors import BadData, CannotChange

FOLDER = ".quarantine"
_LIST = "list.jsonl"


@dataclass(frozen=True, slots=True)
class Moved:
    """The number of files that were moved, the folder, and those that could not be, with why."""

    count: int
    folder: str
    left: tuple[tuple[str, str], ...] = ()


def quarantine_files(root: str | Path, reasons: Mapping[str, str]) -> Moved:
    """Move the files {path below root: reason} into a new quarantine of `root`.

    Raises
    ------
    BadData
        where a path leads out of the folder.
    CannotChange
        where the quarantine cannot be created.
    """
    top = layout.require_folder(root)
    for name in reasons:
        _require_inside(top, name)
    with _convert_errors(top):
        folder = _create_folder(top / FOLDER)
        count, left = 0, []
        with (folder / _LIST).open("a", encoding="utf-8") as listed:
            for name, reason in reasons.items():
                # First the list, then the file.
                listed.write(json.dumps({"path": name, "reason": reason}) + "\n")
                listed.flush()
                try:
                    move_without_replacing(top / name, folder / name)
                    count += 1
                except OSError as error:
                    left.append((name, error.strerror or str(error)))
    return Moved(count, str(folder), tuple(left))


def put_back(root: str | Path) -> Moved:
    """Move all files of all quarantines of `root` back to where they were, the latest first.

    Raises
    ------
    BadData
        where the folder has no quarantine.
    CannotChange
        where a quarantine cannot be read.
    """
    top = layout.require_folder(root)
    home = top / FOLDER
    count, left = 0, []
    with _convert_errors(top):
        folders = sorted(home.iterdir(), reverse=True) if home.is_dir() else []
        if not folders:
            raise BadData(
                f"'{top}' has no quarantine.",
                fix="%check_data PATH --fix makes one; name the same PATH to put its files back.",
            )
        for folder in folders:
            for name in _read_list(folder, top):
                if not os.path.lexists(folder / name):  # it was not moved, or is back already
                    continue
                try:
                    move_without_replacing(folder / name, top / name)
                    count += 1
                except OSError as error:
                    left.append((name, error.strerror or str(error)))
            _remove_empty(folder)
        _remove_if_empty(home)
    return Moved(count, str(top), tuple(left))


def move_without_replacing(source: Path, target: Path) -> None:
    """Rename a file; raise FileExistsError where `target` exists. Its folder is created."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Unlike a rename, a link never replaces a file.
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(
                errno.EEXIST, "a file of this name is there", str(target)
            ) from None
        source.rename(target)
    else:
        source.unlink()


def _create_folder(home: Path) -> Path:
    """Create a folder named by the time, which no other has."""
    stamp = time.strftime("%Y-%m-%d_%H%M%S")
    for n in range(1, 1000):
        folder = home / (stamp if n == 1 else f"{stamp}-{n:03}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(errno.EEXIST, "too many quarantines of one second", str(home))


def _read_list(folder: Path, top: Path) -> list[str]:
    """Return the paths in the list of a quarantine; one that leads out of the folder is refused."""
    path = folder / _LIST
    names = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            name = json.loads(line)["path"]
        except (ValueError, TypeError, KeyError):  # the last line, if its writing was interrupted
            continue
        _require_inside(top, str(name))
        names.append(str(name))
    return names


def remove_if_empty(folder: Path) -> None:
    """Remove a quarantine that holds no file but its list, and their folder if it was the last."""
    _remove_empty(folder)
    if folder.parent.is_dir():
        _remove_if_empty(folder.parent)


def _remove_empty(folder: Path) -> None:
    """Remove a quarantine that holds no file but its list."""
    below = list(folder.rglob("*"))
    if any(not each.is_dir() or each.is_symlink() for each in below if each != folder / _LIST):
        return
    (folder / _LIST).unlink(missing_ok=True)
    for each in sorted((each for each in below if each.is_dir()), reverse=True):
        each.rmdir()
    folder.rmdir()


def _remove_if_empty(home: Path) -> None:
    if not any(home.iterdir()):
        home.rmdir()


def _require_inside(top: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadData(
            f"'{name}' is not a path below '{top}'.",
            fix="Name files below the folder, such as cats/1.jpg",
        )


@contextmanager
def _convert_errors(top: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotChange(
            f"The quarantine of '{top}' cannot be used: {error.strerror or error}.",
            fix="Allow yourself to write there: chmod u+w, or a disk with free space.",
        ) from error

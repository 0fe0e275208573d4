"""Create the folders of a planned split as hard links or copies, and remove them again.

The data set itself is never changed. `split.json` in the new folder lists what was created, before
it is: a split that was interrupted is completed by the same line, or removed.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dl_magics.data.splitting.plan import SplitPlan
from dl_magics.errors import BadData, CannotChange, DamagedFile, DiskFull
from dl_magics.store import atomic

FILE = "split.json"

# What decides which image is where; how it was asked for does not.
_COMPARED = ("source", "files")


@dataclass(frozen=True, slots=True)
class Written:
    """What was created: hard links and copies; the rest was there already."""

    folder: str
    links: int
    copies: int


@dataclass(frozen=True, slots=True)
class Removed:
    """The number of files that were removed, and those that were kept, as they are no copies."""

    folder: str
    count: int
    kept: tuple[str, ...]


def write_split(plan: SplitPlan, *, copy: bool = False) -> Written:
    """Create the files of a plan that are not there yet; nothing is replaced.

    Parameters
    ----------
    plan
        What goes where.
    copy
        Copies in place of hard links. Where the disk has no hard links, files are copied anyway.

    Raises
    ------
    BadData
        where the new folder holds anything else, or an image has vanished.
    DiskFull
        where the copies do not fit on the disk.
    CannotChange
        where the folder cannot be written.
    """
    top, source = Path(plan.destination), Path(plan.source)
    _require_free(top, plan)
    counts = {True: 0, False: 0}
    with _convert_errors(top):
        if copy:
            _require_space(top, source, plan)
        if not (top / FILE).exists():
            atomic.replace(top / FILE, json.dumps(plan.to_json()) + "\n", mode=None)
        for name, original in plan.files.items():
            path = top / _below(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                continue
            counts[_link(source / _below(original), path, copy=copy)] += 1
    return Written(plan.destination, links=counts[True], copies=counts[False])


def remove_split(folder: str | Path) -> Removed:
    """Remove the files that a split created, where their original is still there and the same.

    Raises
    ------
    BadData
        where the folder was not created by a split.
    """
    top = Path(folder).expanduser()
    listed = _read_list(top)
    if not listed:
        raise BadData(
            f"'{top}' is not a folder that %split_data created.",
            fix="Name the folder of the split: %split_data --undo data/pets-split",
        )
    source, kept, count = Path(listed["source"]), [], 0
    with _convert_errors(top):
        for name, original in listed["files"].items():
            path = top / _below(name)
            if not os.path.lexists(path):
                continue
            if not _is_same(path, source / _below(original)):
                kept.append(name)
                continue
            path.unlink()
            count += 1
        if not kept:
            (top / FILE).unlink()
        _remove_empty_folders(top, listed["files"])
    return Removed(str(top), count, tuple(kept))


def _require_free(top: Path, plan: SplitPlan) -> None:
    """Raise BadData where the new folder holds anything but this split."""
    other = "name another folder: --to NEW_FOLDER"
    if Path(plan.source) == top or top in Path(plan.source).parents:
        raise BadData(
            f"'{top}' holds the images that are split.", fix=f"The new folder is another: {other}"
        )
    if not top.is_dir() or not any(top.iterdir()):
        return
    listed = _read_list(top)
    if not listed:
        raise BadData(f"'{top}' exists and is not empty.", fix=f"Nothing is replaced: {other}")
    asked = json.loads(json.dumps(plan.to_json()))
    if any(listed[each] != asked[each] for each in _COMPARED):
        raise BadData(
            f"'{top}' holds another split, of '{listed['source']}'.",
            fix=f"Remove it: %split_data --undo '{top}' · or {other}",
        )


def _read_list(top: Path) -> dict[str, Any] | None:
    """Return what a split created in a folder; None where none did."""
    try:
        listed = json.loads((top / FILE).read_text("utf-8"))
        return {"source": str(listed["source"]), "files": dict(listed["files"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(
            f"'{top / FILE}' cannot be read: {error}.",
            fix="Name another folder with --to; this one is left as it is.",
        ) from error


def _link(original: Path, path: Path, *, copy: bool) -> bool:
    """Create a hard link, or else a copy; return whether it is a link."""
    if not copy:
        try:
            os.link(original.resolve(strict=True), path)
        except FileNotFoundError as error:
            raise _vanished(original) from error
        except OSError:  # another disk, or one without hard links
            pass
        else:
            return True
    try:
        with original.open("rb") as source, path.open("xb") as target:
            shutil.copyfileobj(source, target)
        shutil.copystat(original, path)
    except FileNotFoundError as error:
        raise _vanished(original) from error
    except FileExistsError:  # another program's: it is left as it is
        raise
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return False


def _vanished(original: Path) -> BadData:
    return BadData(f"'{original}' has vanished.", fix="Run the same line again.")


def _is_same(path: Path, original: Path) -> bool:
    """Return whether a file is a link to, or a copy of, its original."""
    try:
        return path.samefile(original) or filecmp.cmp(path, original, shallow=False)
    except OSError:
        return False


def _require_space(top: Path, source: Path, plan: SplitPlan) -> None:
    originals = (source / name for name in plan.files.values())
    needed = sum(each.stat().st_size for each in originals if each.exists())
    there = next(each for each in (top, *top.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise DiskFull(
            f"The copies need {needed / 1e9:,.2f} GB in {there}: {free / 1e9:,.2f} GB are free.",
            fix="Leave out --copy: hard links need no space.",
        )


def _remove_empty_folders(top: Path, names: Iterable[str]) -> None:
    """Remove the folders that the split created, where nothing is left in them."""
    created = {folder for name in names for folder in (top / _below(name)).parents}
    for folder in sorted((each for each in created if each.is_relative_to(top)), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _below(name: str) -> Path:
    """Return a relative path; raise BadData where it leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BadData(f"'{name}' is not a path in the folder.", fix="Run %split_data again.")
    return Path(path)


@contextmanager
def _convert_errors(top: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotChange(
            f"'{top}' cannot be written: {error.strerror or error}.",
            fix="Name a folder where you may write: --to NEW_FOLDER",
        ) from error

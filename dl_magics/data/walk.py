"""List files and folders: skip hidden ones, follow links safely, report missing paths."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePath

from dl_magics.data.s3.address import is_address, suggest_address
from dl_magics.errors import BadData
from dl_magics.text import escape_controls

_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


@contextmanager
def convert_os_errors(root: str | Path) -> Iterator[None]:
    """Convert an OSError below `root` into a DLMagicsError."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: "~nobody" has no home
        raise BadData(
            f"'{root}' cannot be read: {error}.", fix="Name a folder that you may read."
        ) from error


def existing_path(root: str | Path) -> Path:
    """Return the path; raise BadData with the closest existing name if it is missing."""
    path = Path(root).expanduser()
    if path.exists():
        return path
    # The path of an address has a slash less than it.
    if meant := suggest_address(str(root)):
        raise BadData(
            f"'{root}' is not a folder{', but in S3' if is_address(str(root)) else ''}.",
            fix=f"%%finetune {meant} reads a bucket · for all else copy it first: "
            f"aws s3 sync {meant} photos",
        )
    part = path.absolute()
    while not part.parent.exists():
        part = part.parent
    there = [each.name for each in _entries(part.parent)] if part.parent.is_dir() else []
    near = get_close_matches(part.name, there, n=1)
    fix = (
        f"Did you mean '{part.parent / near[0]}'?"
        if near
        else f"Name an existing folder; '{part.parent}' contains: {shorten_list(there)}."
    )
    raise BadData(f"'{path}' does not exist.", fix=fix)


def list_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name."""
    return [Path(each) for each in _entries(folder) if each.is_dir()]


def list_own_files(folder: Path) -> list[Path]:
    """Return the files that are directly in a folder, sorted by name."""
    return [Path(each) for each in _entries(folder) if not each.is_dir()]


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, sorted.

    Links to folders are followed, except to a parent; each folder is listed once.
    """
    above = (*folder.absolute().parents, *folder.resolve().parents)
    return sorted(_below(folder, "", seen={each.resolve() for each in above}))


def shorten_list(names: list[str], most: int = 5) -> str:
    """Return the first `most` names as text, with "…" if there are more."""
    more = ["…"] if len(names) > most else []
    return ", ".join([*names[:most], *more]) or "nothing"


def name_as_text(path: PurePath) -> str:
    """Return the name of a path in composed form (NFC); bytes that are not UTF-8 are escaped."""
    return unicodedata.normalize("NFC", escape_controls(path.name))


def _below(folder: Path, above: str, seen: set[Path]) -> Iterator[str]:
    """Yield names: of a million files, entries and paths would take ten times the memory."""
    if (real := folder.resolve()) in seen:
        return
    seen.add(real)
    inside = []
    with os.scandir(folder) as entries:
        for each in entries:
            if _hidden(each.name):
                continue
            if each.is_dir():
                inside.append(each.name)
            elif each.is_file() or each.is_symlink():  # a dangling one is reported when it is read
                yield above + each.name
    for name in sorted(inside):
        yield from _below(folder / name, f"{above}{name}/", seen)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        shown = [each for each in entries if not _hidden(each.name)]
    return sorted(shown, key=lambda each: each.name)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER

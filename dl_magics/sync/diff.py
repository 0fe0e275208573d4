"""Lists folders and compares them."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# The staging folder for incomplete files, inside the destination; it is never synchronized.
STAGE = ".dl_magics-sync"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file, a folder, a symbolic link, or another type, which is not synchronized."""

    kind: Literal["file", "folder", "link", "other"]
    size: int = 0
    mtime_ns: int = 0
    target: bytes = b""


# Names are bytes with slashes, as in POSIX; not every name is valid text.
Tree = dict[bytes, FileEntry]


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The changes to make; `skipped` maps each skipped name to the reason."""

    files: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    surplus: list[bytes] = field(default_factory=list)
    skipped: dict[bytes, str] = field(default_factory=dict)


def list_local(root: Path, names: Collection[str] = ()) -> Tree:
    """Return the content of a local folder; with `names`, only of these."""
    found: Tree = {}
    rooms = [(b"", os.fspath(root))]
    while rooms:
        inside, path = rooms.pop()
        try:
            entries = list(os.scandir(path))
        except OSError:
            found[inside.rstrip(b"/") or b"."] = FileEntry("other")
            continue
        for each in entries:
            if each.name == STAGE or (names and not inside and each.name not in names):
                continue
            name = inside + os.fsencode(each.name)
            found[name] = _entry(each)
            if found[name].kind == "folder":
                rooms.append((name + b"/", each.path))
    return found


def compare_trees(source: Tree, target: Tree) -> SyncPlan:
    """Return the changes after which `target` has everything in `source`."""
    made = SyncPlan()
    for name in sorted(source):
        entry, other = source[name], target.get(name)
        if why := _why_not(name, entry, other, made.skipped):
            made.skipped[name] = why
        elif entry.kind == "folder":
            if other is None:
                made.folders.append(name)
        elif not is_same(entry, other):
            (made.links if entry.kind == "link" else made.files).append(name)
    kept = set(source) | {each for name in source for each in parent_folders(name)}
    gone = (name for name in target if name not in kept and not _is_below(name, made.skipped))
    made.surplus.extend(sorted(gone, reverse=True))
    return made


def is_same(entry: FileEntry, other: FileEntry | None) -> bool:
    """Whether a file or link is unchanged; some file systems store whole seconds only."""
    if other is None or entry.kind != other.kind:
        return False
    if entry.kind == "link":
        return entry.target == other.target
    return entry.size == other.size and _same_time(entry.mtime_ns, other.mtime_ns)


def sizes(source: Tree) -> dict[bytes, int]:
    """Return the size of each file in bytes."""
    return {name: entry.size for name, entry in source.items() if entry.kind == "file"}


def points_outside(name: bytes, target: bytes) -> bool:
    """Whether a symbolic link points outside the tree; an absolute one always does."""
    if target.startswith(b"/") or (os.name == "nt" and b":" in target):
        return True
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return path == b".." or path.startswith(b"../")


def is_valid_name(name: bytes) -> bool:
    """Whether a name from another host is a valid path inside a local folder."""
    parts = name.split(b"/")
    bad = {b"", b".", b".."}
    strange = any(byte in name for byte in b'\\:*?"<>|') if os.name == "nt" else False
    return not strange and b"\0" not in name and not bad & set(parts)


def _entry(each: os.DirEntry[str]) -> FileEntry:
    facts = each.stat(follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        target = os.fsencode(os.readlink(each.path))  # noqa: PTH115 (bytes)
        return FileEntry("link", target=target.replace(os.fsencode(os.sep), b"/"))
    if stat.S_ISDIR(facts.st_mode):
        return FileEntry("folder")
    kind: Literal["file", "other"] = "file" if stat.S_ISREG(facts.st_mode) else "other"
    return FileEntry(kind, facts.st_size, facts.st_mtime_ns)


def _why_not(
    name: bytes, entry: FileEntry, other: FileEntry | None, skipped: Collection[bytes]
) -> str:
    if _is_below(name, skipped):
        return "its folder was skipped"
    if not is_valid_name(name):
        return "the name is not valid on this computer"
    if entry.kind == "other":
        return "not a regular file, or not readable"
    if entry.kind == "link" and points_outside(name, entry.target):
        return "the link points outside the folder"
    if other and entry.kind == "folder" != other.kind:
        return "the destination has a file of this name"
    if other and other.kind == "folder" != entry.kind:
        return "the destination has a folder of this name"
    return ""


def _same_time(one: int, other: int) -> bool:
    second = 10**9
    if one % second and other % second:
        return one // 1000 == other // 1000
    return one // second == other // second


def parent_folders(name: bytes) -> Iterator[bytes]:
    """Yield the folders above a name, the nearest first."""
    while name := posixpath.dirname(name):
        yield name


def _is_below(name: bytes, others: Collection[bytes]) -> bool:
    return bool(others) and any(each in others for each in parent_folders(name))

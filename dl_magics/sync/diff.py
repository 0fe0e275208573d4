"""Compares a folder on this computer with one on a host."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from dl_magics.sync.file_system import FileSystem, NameTwins
from dl_magics.sync.names import climbs_back, is_valid_name, parent_folders, points_outside

# The staging folder for incomplete files, inside the destination; it is never synchronized.
STAGE = ".dl_magics-sync"
# Set-user-ID and the right of everyone to write are not taken from one side to the other.
_COMPARED_MODE = 0o775
_UNLISTED = "you may not list this folder"
Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file, a folder, a symbolic link, or another type, which is not synchronized.

    `mode` holds the permissions; None where they are not known, and for links. `is_listed` is false
    for a folder whose content is not known: you may not list it.
    """

    kind: Kind
    size: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    mode: int | None = None
    is_listed: bool = True

    @property
    def kept_mode(self) -> int | None:
        """The permissions that the other side gets: its owner can always read it."""
        if self.mode is None:
            return None
        return self.mode & _COMPARED_MODE | (0o700 if self.kind == "folder" else 0o400)


# Names are bytes with slashes, as in POSIX; not every name is valid text.
Tree = dict[bytes, FileEntry]


@dataclass(slots=True)
class SyncPlan:
    """The changes to make.

    `modes` are files and folders that differ in their permissions only, `cleared` what is in the
    way of other changes and may be replaced, `in_the_way` what may not. `skipped` maps each skipped
    name to the reason.
    """

    files: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    modes: list[bytes] = field(default_factory=list)
    surplus: list[bytes] = field(default_factory=list)
    cleared: list[bytes] = field(default_factory=list)
    in_the_way: list[bytes] = field(default_factory=list)
    skipped: dict[bytes, str] = field(default_factory=dict)
    unchanged: int = 0


def compare_trees(
    source: Tree,
    target: Tree,
    replace: Collection[bytes] = (),
    *,
    arriving: FileSystem | None = None,
) -> SyncPlan:
    """Return the changes after which `target` has everything in `source`.

    Parameters
    ----------
    source, target
        What is there, and what is to become the same.
    replace
        The names in `target` that may be replaced by what is of another type.
    arriving
        Where the source is another host: the local file system.
    """
    # What lies below a folder that cannot be listed is neither deleted nor replaced, on both sides.
    unlisted = {name: _UNLISTED for name, entry in target.items() if not entry.is_listed}
    plan = SyncPlan(skipped=dict(unlisted))
    twins = NameTwins(target, STAGE.encode(), arriving or FileSystem())
    existing = set(unlisted)
    for name in sorted(source):
        entry = source[name]
        twin, why = twins.resolve(name)
        existing.add(twin)
        other = target.get(twin)
        why = why or unlisted.get(twin) or _why_not(name, entry, plan.skipped, arriving is not None)
        if not why and other and (entry.kind == "folder") != (other.kind == "folder"):
            there = [each for each in target if each == twin or each.startswith(twin + b"/")]
            if set(there) <= set(replace) and not unlisted.keys() & set(there):
                plan.cleared.append(name)
                other = None
            else:
                plan.in_the_way += sorted(there, reverse=True)
                what = "folder" if other.kind == "folder" else "file"
                why = f"the destination has a {what} of this name; --replace replaces it"
        if why:
            plan.skipped[name] = why
        else:
            _plan_entry(plan, name, entry, other)
    kept = existing | {each for name in existing for each in parent_folders(name)}
    skipped = {*plan.skipped, *plan.cleared}
    gone = (name for name in target if name not in kept and not _is_below(name, skipped))
    plan.surplus.extend(sorted(gone, reverse=True))
    return plan


def is_same(entry: FileEntry, other: FileEntry | None) -> bool:
    """Whether a file or link is unchanged; some file systems store whole seconds only."""
    if other is None or entry.kind != other.kind:
        return False
    if entry.kind == "link":
        return entry.target == other.target
    return entry.size == other.size and _same_time(entry.mtime_ns, other.mtime_ns)


def has_same_mode(entry: FileEntry, other: FileEntry) -> bool:
    """Whether the permissions are the same, as far as both are known."""
    modes = (entry.kept_mode, other.kept_mode)
    return None in modes or modes[0] == modes[1]


def sizes(source: Tree) -> dict[bytes, int]:
    """Return the size of each file in bytes."""
    return {name: entry.size for name, entry in source.items() if entry.kind == "file"}


def _plan_entry(plan: SyncPlan, name: bytes, entry: FileEntry, other: FileEntry | None) -> None:
    if entry.kind == "folder":
        if other is None:
            plan.folders.append(name)
        elif not has_same_mode(entry, other):
            plan.modes.append(name)
    elif other is None or not is_same(entry, other):
        (plan.links if entry.kind == "link" else plan.files).append(name)
    elif not has_same_mode(entry, other):
        plan.modes.append(name)
    elif entry.kind == "file":
        plan.unchanged += 1


def _why_not(name: bytes, entry: FileEntry, skipped: Collection[bytes], is_arriving: bool) -> str:
    if _is_below(name, skipped):
        return "its folder was skipped"
    if not is_valid_name(name):
        return "the name is not valid on this computer"
    if not entry.is_listed:
        return _UNLISTED
    if entry.kind == "other":
        return "not a regular file, or not readable"
    if entry.kind == "link":
        if points_outside(name, entry.target):
            return "the link points outside the folder"
        if is_arriving and climbs_back(entry.target):
            return "the link leads back through another folder, possibly outside"
    return ""


def _same_time(one: int, other: int) -> bool:
    second = 10**9
    if one % second and other % second:
        return one // 1000 == other // 1000
    return one // second == other // second


def _is_below(name: bytes, others: Collection[bytes]) -> bool:
    return bool(others) and any(each in others for each in parent_folders(name))

"""The buckets: a name for a folder of this computer. Its files are the objects; links are not."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any

_STATE = "buckets"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, with the folder that has its objects and the region in which it is."""

    name: str
    folder: Path
    region: str
    created_at: float


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object: its file, and what S3 tells about it."""

    key: str
    path: Path
    size: int
    changed_at: float
    etag: str

    @property
    def last_modified(self) -> str:
        """When it was changed, as HTTP writes it."""
        return format_datetime(datetime.fromtimestamp(self.changed_at, UTC), usegmt=True)


class Buckets:
    """The buckets of the account, which are part of the saved state."""

    def __init__(self, extra: dict[str, Any]) -> None:
        self._each: dict[str, Bucket] = extra.setdefault(_STATE, {})

    def __iter__(self) -> Iterator[Bucket]:
        return iter([self._each[name] for name in sorted(self._each)])

    def find(self, name: str) -> Bucket | None:
        """Return the bucket of this name."""
        return self._each.get(name)

    def put(self, bucket: Bucket) -> None:
        """Enter a bucket, or let one that exists have another folder."""
        self._each[bucket.name] = bucket


def is_bucket_name(name: str) -> bool:
    """Return whether S3 allows this name."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def find_object(bucket: Bucket, key: str) -> StoredObject | None:
    """Return the object of this key; None for what is no file below the folder of the bucket."""
    if any(part in ("", ".", "..") or "\0" in part for part in key.split("/")):
        return None
    path = bucket.folder / key
    with suppress(OSError, ValueError):
        # A link would lead out of the folder.
        if path.resolve() == bucket.folder.resolve() / key:
            return _describe(key, path, path.stat())
    return None


def iter_objects(bucket: Bucket, prefix: str, after: str) -> Iterator[StoredObject]:
    """Yield the objects whose key begins with `prefix` and follows `after`, in the order of S3.

    That is the order of the bytes of the keys. Folders that have none of them are not read.
    """
    yield from _walk(bucket.folder, "", prefix, after)


def _walk(folder: Path, above: str, prefix: str, after: str) -> Iterator[StoredObject]:
    for name, entry in _sort_entries(folder):
        key = above + name
        if name.endswith("/"):
            holds_later = key.encode() > after.encode() or after.startswith(key)
            if holds_later and (key.startswith(prefix) or prefix.startswith(key)):
                yield from _walk(Path(entry.path), key, prefix, after)
        elif key.startswith(prefix) and key.encode() > after.encode():
            with suppress(OSError):
                if found := _describe(key, Path(entry.path), entry.stat(follow_symlinks=False)):
                    yield found


def _sort_entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Return the files and folders, folders with `/`: so they are in the order of the keys."""
    with os.scandir(folder) as entries:
        named = [
            (f"{each.name}/" if each.is_dir(follow_symlinks=False) else each.name, each)
            for each in entries
            if not each.is_symlink() and _is_utf8(each.name)
        ]
    return sorted(named, key=lambda each: each[0].encode())


def _describe(key: str, path: Path, found: os.stat_result) -> StoredObject | None:
    """Return an object; its ETag is one of an upload in parts, which is no hash of its content."""
    if not S_ISREG(found.st_mode):
        return None
    facts = f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
    etag = f'"{hashlib.md5(facts.encode(), usedforsecurity=False).hexdigest()}-1"'
    return StoredObject(key, path, found.st_size, found.st_mtime, etag)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Lists a local folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from dl_magics.errors import NoSuchFile
from dl_magics.sync.diff import STAGE, FileEntry, Kind, Tree
from dl_magics.sync.names import printable


def list_local(
    root: Path, names: Collection[str] = (), aliases: Mapping[bytes, bytes] | None = None
) -> Tree:
    """Return the content of a local folder; with `names`, only of these.

    Raises NoSuchFile where the folder cannot be listed: it is not the same as an empty one.
    """
    found: Tree = {}
    rooms = [(b"", os.fspath(root))]
    if names:
        rooms = []
        for name in names:
            encoded = name.encode("utf-8", "surrogateescape")
            path = root / os.fsdecode((aliases or {}).get(encoded, encoded))
            if os.path.lexists(path):
                found[encoded] = read_entry(path.lstat(), path)
                if found[encoded].kind == "folder":
                    rooms.append((encoded + b"/", os.fspath(path)))
    while rooms:
        inside, folder = rooms.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not inside:
                raise _unlisted(root, error) from error
            name_ = inside.rstrip(b"/")
            found[name_] = replace(found[name_], is_listed=False)
            continue
        for each in entries:
            if each.name.lower() == STAGE:
                continue
            name_ = inside + os.fsencode(each.name)
            try:
                found[name_] = read_entry(each.stat(follow_symlinks=False), each.path)
            except FileNotFoundError:  # it was deleted meanwhile
                continue
            except OSError:  # its path is too long for the system
                found[name_] = FileEntry("other")
            if found[name_].kind == "folder":
                rooms.append((name_ + b"/", each.path))
    return found


def read_mode(folder: Path) -> int | None:
    """Return the permissions that a copy of a folder gets; None where they are not known."""
    try:
        return read_entry(folder.stat(), folder).kept_mode
    except OSError:
        return None


def read_entry(facts: os.stat_result, path: str | Path) -> FileEntry:
    """Return the entry of a local file, folder or link."""
    if stat.S_ISLNK(facts.st_mode):
        target = os.fsencode(os.readlink(path))  # noqa: PTH115 (bytes)
        return FileEntry("link", target=target.replace(os.fsencode(os.sep), b"/"))
    mode = None if os.name == "nt" else stat.S_IMODE(facts.st_mode)
    if stat.S_ISDIR(facts.st_mode):
        return FileEntry("folder", mode=mode)
    kind: Kind = "file" if stat.S_ISREG(facts.st_mode) else "other"
    return FileEntry(kind, facts.st_size, facts.st_mtime_ns, mode=mode)


def _unlisted(root: Path, error: OSError) -> NoSuchFile:
    return NoSuchFile(
        f"{printable(str(root))} cannot be listed: {error.strerror or error}.",
        fix="Give your user the right to read this folder; on macOS: System Settings, Privacy & "
        "Security, Files & Folders.",
    )

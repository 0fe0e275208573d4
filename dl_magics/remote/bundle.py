"""What is read here to be sent: many files as one tar stream, or the rest of one big file."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from dl_magics.remote import tar
from dl_magics.remote.tree import STAGE, Entry, Tree

NEW = f"{STAGE}/new/".encode()
_CHUNK = 2**20
_LONGEST_COMMAND = 60_000


class Piece(NamedTuple):
    """Bytes to send, and how many bytes and whole files of a person's are in it."""

    data: bytes
    size: int
    files: int


@dataclass(slots=True)
class Bundle:
    """Many files as one stream, which ends with the script that puts them in their places.

    `came` lie there already, in the stage. A file that changed while it was read is padded and
    left out of the script.
    """

    root: Path
    here: Tree
    names: list[bytes]
    came: list[bytes] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    delete: list[tuple[bytes, Entry]] = field(default_factory=list)
    clear: bool = True
    changed: list[bytes] = field(default_factory=list)
    unreadable: dict[bytes, str] = field(default_factory=dict)

    def pieces(self) -> Iterator[Piece]:
        """Yield the stream in pieces of about a megabyte."""
        waiting, size, files = bytearray(), 0, 0
        for data, of_person, ended in self._members():
            waiting += data
            size += of_person
            files += ended
            if len(waiting) >= _CHUNK:
                yield Piece(bytes(waiting), size, files)
                waiting, size, files = bytearray(), 0, 0
        yield Piece(bytes(waiting), size, files)

    def _members(self) -> Iterator[Piece]:
        for name in self.names:
            yield from self._file(name)
        for name in self.links:
            yield Piece(tar.link(b"new/" + name, self.here[name].target), 0, 0)
        for n, name in enumerate(self.came):
            yield Piece(tar.file(b"time/%d" % n, 0, self.here[name].mtime_ns), 0, 0)
        script = self._script()
        yield Piece(tar.file(b"finish", len(script)) + script + tar.padding(len(script)), 0, 0)
        yield Piece(tar.END, 0, 0)

    def _file(self, name: bytes) -> Iterator[Piece]:
        try:
            file = _path(self.root, name).open("rb")
        except OSError as error:
            self.unreadable[name] = _why(error)
            return
        with file:
            facts = os.fstat(file.fileno())
            mode = stat.S_IMODE(facts.st_mode) & 0o777 if os.name != "nt" else 0o644
            header = tar.file(b"new/" + name, facts.st_size, facts.st_mtime_ns, mode | 0o600)
            yield Piece(header, 0, 0)
            left = facts.st_size
            while block := _read(file, min(left, _CHUNK)):
                left -= len(block)
                yield Piece(block, len(block), 0)
            while left:
                block = bytes(min(left, _CHUNK))
                left -= len(block)
                yield Piece(block, 0, 0)
            yield Piece(tar.padding(facts.st_size), 0, 1)
        if _entry(self.root, name) != _as_entry(facts):
            self.changed.append(name)

    def _script(self) -> bytes:
        here = STAGE.encode()
        lines = [b"set -e"]
        lines += commands(b"mkdir -p --", [b"./" + name for name in self.folders])
        for n, name in enumerate(self.came):
            lines.append(b"touch -r %s/time/%d -- %s" % (here, n, _quoted(NEW + name)))
        not_whole = {*self.changed, *self.unreadable}
        by_folder: dict[bytes, list[bytes]] = {}
        for name in (*self.names, *self.links, *self.came):
            if name not in not_whole:
                by_folder.setdefault(posixpath.dirname(name), []).append(NEW + name)
        for folder, names in by_folder.items():
            lines += commands(b"mv -f --", names, b" " + _quoted(b"./" + folder))
        files = [b"./" + name for name, entry in self.delete if entry.kind != "folder"]
        lines += commands(b"rm -f --", files)
        folders = [b"./" + name for name, entry in self.delete if entry.kind == "folder"]
        lines += commands(b"rmdir --", folders, b" 2>/dev/null || :")
        if self.clear:
            lines.append(b"rm -rf " + here)
        return b"\n".join(lines) + b"\n"


@dataclass(slots=True)
class Reading:
    """One big file from an offset on."""

    root: Path
    name: bytes
    offset: int
    size: int = 0
    entry: Entry | None = None
    sum: str = ""

    def pieces(self) -> Iterator[Piece]:
        """Yield what is behind the offset."""
        self.entry = _entry(self.root, self.name)
        digest = hashlib.sha256()
        try:
            with _path(self.root, self.name).open("rb") as file:
                # Only what is joined to an earlier part is compared as a whole.
                if self.offset:
                    _add(digest, file, self.offset)
                self.size = self.offset
                while block := file.read(_CHUNK):
                    if self.offset:
                        digest.update(block)
                    self.size += len(block)
                    yield Piece(block, len(block), 0)
        except OSError:
            self.entry = None
        self.sum = digest.hexdigest()
        yield Piece(b"", 0, 1)

    @property
    def changed(self) -> bool:
        """Whether the file is another one now."""
        return self.entry is None or _entry(self.root, self.name) != self.entry


def sum_of(root: Path, name: bytes, size: int) -> str:
    """Return the sha256 of the first bytes of a file."""
    digest = hashlib.sha256()
    with _path(root, name).open("rb") as file:
        _add(digest, file, size)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, file: IO[bytes], size: int) -> None:
    while block := file.read(min(size, _CHUNK)):
        digest.update(block)
        size -= len(block)


def _path(root: Path, name: bytes) -> Path:
    return root / os.fsdecode(name)


def _entry(root: Path, name: bytes) -> Entry | None:
    try:
        return _as_entry(_path(root, name).lstat())
    except OSError:
        return None


def _as_entry(facts: os.stat_result) -> Entry:
    return Entry("file", facts.st_size, facts.st_mtime_ns)


def _read(file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size) if size else b""
    except OSError:
        return b""


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _quoted(name: bytes) -> bytes:
    return b"'" + name.replace(b"'", b"'\\''") + b"'"


def commands(command: bytes, names: list[bytes], end: bytes = b"") -> Iterator[bytes]:
    """Yield commands with all the names, none too long for a host."""
    waiting, length = [command], 0
    for word in map(_quoted, names):
        if length + len(word) > _LONGEST_COMMAND:
            yield b" ".join(waiting) + end
            waiting, length = [command], 0
        waiting.append(word)
        length += len(word)
    if len(waiting) > 1:
        yield b" ".join(waiting) + end

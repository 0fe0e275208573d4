"""Sends many files as tar streams with a script that moves them into place at the end."""

from __future__ import annotations

import os
import posixpath
import stat
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from dl_magics.sync import diff, tar_header
from dl_magics.sync.diff import STAGE, FileEntry, Tree

NEW = f"{STAGE}/new/".encode()
_CHUNK = 2**20
_BUNDLE_BYTES, _BUNDLE_FILES = 256 * 2**20, 20_000
_LONGEST_COMMAND = 60_000


class TarPiece(NamedTuple):
    """Bytes to send, and how many bytes and complete files of the user are in them."""

    data: bytes
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class FileRest:
    """The final steps after all files; `came` are complete in the stage, without their times."""

    folders: Sequence[bytes] = ()
    links: Sequence[bytes] = ()
    came: Sequence[bytes] = ()
    delete: Sequence[tuple[bytes, FileEntry]] = ()
    clear: bool = False


@dataclass(slots=True)
class TarBatch:
    """Some of the files as one tar stream, which ends with the script that moves them into place.

    Several batches may share `waiting`. A file that changed while it was read is padded and left
    out of the script, whose name in the stream is `finish`.
    """

    root: Path
    here: Tree
    waiting: deque[bytes]
    new_folders: Collection[bytes]
    finish: str
    taken: list[bytes] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list)
    unreadable: dict[bytes, str] = field(default_factory=dict)

    def files(self) -> Iterator[TarPiece]:
        """Yield the files in pieces of about a megabyte."""
        waiting, size, files = bytearray(), 0, 0
        for data, of_person, ended in self._files():
            waiting += data
            size += of_person
            files += ended
            if len(waiting) >= _CHUNK:
                yield TarPiece(bytes(waiting), size, files)
                waiting, size, files = bytearray(), 0, 0
        yield TarPiece(bytes(waiting), size, files)

    def end(self, last: FileRest | None = None) -> Iterator[TarPiece]:
        """Yield the end of the stream; `last` holds the steps to run after all other files."""
        rest = last or FileRest()
        data = bytearray()
        for name in rest.links:
            data += tar_header.link_header(b"new/" + name, self.here[name].target)
        for n, name in enumerate(rest.came):
            data += tar_header.file_header(b"time/%d" % n, 0, self.here[name].mtime_ns)
        script = self._script(rest)
        data += (
            tar_header.file_header(self.finish.encode(), len(script))
            + script
            + tar_header.padding(len(script))
        )
        yield TarPiece(bytes(data + tar_header.END), 0, 0)

    def _files(self) -> Iterator[TarPiece]:
        size = 0
        folders: set[bytes] = set()
        while size < _BUNDLE_BYTES and len(self.taken) < _BUNDLE_FILES:
            try:
                name = self.waiting.popleft()
            except IndexError:
                return
            self.taken.append(name)
            size += self.here[name].size
            # Two tar processes fail if both create a missing folder; so each stream sends it.
            for above in reversed([*diff.parent_folders(b"new/" + name)]):
                if above not in folders:
                    folders.add(above)
                    yield TarPiece(tar_header.folder_header(above), 0, 0)
            yield from self._file(name)

    def _file(self, name: bytes) -> Iterator[TarPiece]:
        try:
            file = (self.root / os.fsdecode(name)).open("rb")
        except OSError as error:
            self.unreadable[name] = _why(error)
            return
        with file:
            facts = os.fstat(file.fileno())
            mode = stat.S_IMODE(facts.st_mode) & 0o777 if os.name != "nt" else 0o644
            header = tar_header.file_header(
                b"new/" + name, facts.st_size, facts.st_mtime_ns, mode | 0o600
            )
            yield TarPiece(header, 0, 0)
            left = facts.st_size
            while block := _read(file, min(left, _CHUNK)):
                left -= len(block)
                yield TarPiece(block, len(block), 0)
            while left:
                block = bytes(min(left, _CHUNK))
                left -= len(block)
                yield TarPiece(block, 0, 0)
            yield TarPiece(tar_header.padding(facts.st_size), 0, 1)
        if entry_of(self.root, name) != _as_entry(facts):
            self.changed.append(name)

    def _script(self, rest: FileRest) -> bytes:
        here = STAGE.encode()
        lines = [b"set -e"]
        not_whole = {*self.changed, *self.unreadable}
        by_folder: dict[bytes, list[bytes]] = {}
        for name in (*self.taken, *rest.links, *rest.came):
            if name not in not_whole:
                by_folder.setdefault(posixpath.dirname(name), []).append(NEW + name)
        folders = dict.fromkeys((*rest.folders, *(set(by_folder) & {*self.new_folders})))
        lines += split_commands(b"mkdir -p --", [b"./" + name for name in folders])
        for n, name in enumerate(rest.came):
            lines.append(b"touch -r %s/time/%d -- %s" % (here, n, _quoted(NEW + name)))
        for folder, names in by_folder.items():
            lines += split_commands(b"mv -f --", names, b" " + _quoted(b"./" + folder))
        files = [b"./" + name for name, entry in rest.delete if entry.kind != "folder"]
        lines += split_commands(b"rm -f --", files)
        emptied = [b"./" + name for name, entry in rest.delete if entry.kind == "folder"]
        lines += split_commands(b"rmdir --", emptied, b" 2>/dev/null || :")
        if rest.clear:
            lines.append(b"rm -rf " + here)
        return b"\n".join(lines) + b"\n"


def entry_of(root: Path, name: bytes) -> FileEntry | None:
    """Return the current entry of a file; None if it does not exist."""
    try:
        return _as_entry((root / os.fsdecode(name)).lstat())
    except OSError:
        return None


def _as_entry(facts: os.stat_result) -> FileEntry:
    return FileEntry("file", facts.st_size, facts.st_mtime_ns)


def _read(file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size) if size else b""
    except OSError:
        return b""


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _quoted(name: bytes) -> bytes:
    return b"'" + name.replace(b"'", b"'\\''") + b"'"


def split_commands(command: bytes, names: list[bytes], end: bytes = b"") -> Iterator[bytes]:
    """Yield commands that cover all names, each within the length limit of a host."""
    waiting, length = [command], 0
    for word in map(_quoted, names):
        if length + len(word) > _LONGEST_COMMAND:
            yield b" ".join(waiting) + end
            waiting, length = [command], 0
        waiting.append(word)
        length += len(word)
    if len(waiting) > 1:
        yield b" ".join(waiting) + end

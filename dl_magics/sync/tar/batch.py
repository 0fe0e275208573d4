"""Sends many files as tar streams with a script that moves them into place at the end."""

from __future__ import annotations

import os
import posixpath
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from dl_magics.store.rooted_folder import RootedFolder
from dl_magics.sync.diff import STAGE, FileEntry, Tree
from dl_magics.sync.names import parent_folders
from dl_magics.sync.tar import header

NEW = f"{STAGE}/new/".encode()
REFUSED_MODES = b"refused-modes"
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
    """The final steps after all files; `came` are complete in the stage, without their times.

    `modes` are files and folders whose permissions are set in place.
    """

    folders: Sequence[bytes] = ()
    links: Sequence[bytes] = ()
    came: Sequence[bytes] = ()
    modes: Sequence[bytes] = ()
    delete: Sequence[tuple[bytes, FileEntry]] = ()
    clear: bool = False


@dataclass(slots=True)
class TarBatch:
    """Some of the files as one tar stream, which ends with the script that moves them into place.

    Several batches may share `waiting`. A file that changed while it was read is padded and left
    out of the script, whose name in the stream is `finish`.
    """

    root: Path
    aliases: Mapping[bytes, bytes]
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
            data += header.link_header(b"new/" + name, self.here[name].target)
        for n, name in enumerate(rest.came):
            data += header.file_header(b"time/%d" % n, 0, self.here[name].mtime_ns)
        script = self._script(rest)
        data += (
            header.file_header(self.finish.encode(), len(script))
            + script
            + header.padding(len(script))
        )
        yield TarPiece(bytes(data + header.END), 0, 0)

    def _files(self) -> Iterator[TarPiece]:
        try:
            root = RootedFolder(self.root, self.aliases)
        except OSError as error:  # the folder was moved away
            self.unreadable |= dict.fromkeys(self.waiting, _why(error))
            self.waiting.clear()
            return
        with root:
            yield from self._files_in(root)

    def _files_in(self, root: RootedFolder) -> Iterator[TarPiece]:
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
            for above in reversed([*parent_folders(b"new/" + name)]):
                if above not in folders:
                    folders.add(above)
                    yield TarPiece(header.folder_header(above), 0, 0)
            yield from self._file(root, name)

    def _file(self, root: RootedFolder, name: bytes) -> Iterator[TarPiece]:
        try:
            file = root.open_to_read(name)
        except OSError as error:
            self.unreadable[name] = _why(error)
            return
        with file:
            facts = os.fstat(file.fileno())
            yield TarPiece(
                header.file_header(
                    b"new/" + name, facts.st_size, facts.st_mtime_ns, _mode_of(facts)
                ),
                0,
                0,
            )
            left = facts.st_size
            while block := _read(file, min(left, _CHUNK)):
                left -= len(block)
                yield TarPiece(block, len(block), 0)
            while left:
                block = bytes(min(left, _CHUNK))
                left -= len(block)
                yield TarPiece(block, 0, 0)
            yield TarPiece(header.padding(facts.st_size), 0, 1)
        if not is_unchanged(partial(root.read_status, name), _as_entry(facts)):
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
        lines += self._chmod(rest.came, NEW)
        for folder, names in by_folder.items():
            lines += split_commands(b"mv -f --", names, b" " + _quoted(b"./" + folder))
        lines += self._chmod([*rest.folders][::-1], b"./")
        # Where the file system has no permissions, this must not undo the rest.
        lines += self._chmod(rest.modes, b"./", b" || echo " + REFUSED_MODES)
        files = [b"./" + name for name, entry in rest.delete if entry.kind != "folder"]
        lines += split_commands(b"rm -f --", files)
        emptied = [b"./" + name for name, entry in rest.delete if entry.kind == "folder"]
        lines += split_commands(b"rmdir --", emptied, b" 2>/dev/null || :")
        if rest.clear:
            lines.append(b"rm -rf " + here)
        return b"\n".join(lines) + b"\n"

    def _chmod(self, names: Sequence[bytes], prefix: bytes, end: bytes = b"") -> Iterator[bytes]:
        by_mode: dict[int, list[bytes]] = {}
        for name in names:
            mode = self.here[name].kept_mode
            if mode is not None:
                by_mode.setdefault(mode, []).append(prefix + name)
        for mode, each in by_mode.items():
            yield from split_commands(b"chmod %o" % mode, each, end)


def is_unchanged(read_status: Callable[[], os.stat_result], entry: FileEntry) -> bool:
    """Whether a file still has the size and the time of `entry`."""
    with suppress(OSError):
        now = _as_entry(read_status())
        return (now.kind, now.size, now.mtime_ns) == (entry.kind, entry.size, entry.mtime_ns)
    return False


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _as_entry(facts: os.stat_result) -> FileEntry:
    return FileEntry("file", facts.st_size, facts.st_mtime_ns)


def _mode_of(facts: os.stat_result) -> int:
    """Return the permissions to send: not set-user-ID, and Windows has others."""
    return stat.S_IMODE(facts.st_mode) & 0o777 if os.name != "nt" else 0o644


def _read(file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size) if size else b""
    except OSError:
        return b""


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

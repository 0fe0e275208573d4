"""The journal: numbered messages on disk, kept when a process or a link fails."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .files import replace
from .messages import Message, as_line

CHUNK_BYTES = 1 << 18
SEGMENT_BYTES = 8 << 20
KEEP_BYTES = 512 << 20
HEAD = re.compile(rb'\{"n":(\d+),"t":[\d.]+,"ch":"(\w+)"')


class Journal:
    """Entries numbered 1, 2, 3 … in segment files; whole lines, without a gap.

    A segment is named by the number of its first entry. After a crash, an incomplete entry is
    removed, and segments that follow a gap are renamed to `*.damaged`.
    """

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, keep_bytes: int = KEEP_BYTES
    ) -> None:
        self.n = 0
        self.asked: set[str] = set()
        self.boot = ""
        self.machine = ""
        self.kernel_lives = False
        self._ends: dict[str, int] = {}
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._keep_bytes = keep_bytes
        self._sizes: dict[int, int] = {}
        self._unsynced: set[Any] = set()
        folder.mkdir(mode=0o700, exist_ok=True)
        self._recover()
        self._file = self._path(max(self._sizes)).open("ab", buffering=0)

    @property
    def first(self) -> int:
        """The number of the oldest entry in the journal."""
        return min(self._sizes)

    def append(self, channel: str, message: Message, at: float) -> None:
        """Add an entry; if the write fails (OSError), the journal is unchanged."""
        entry = {"n": self.n + 1, "t": round(at, 3), "ch": channel, "m": message}
        line = as_line(entry)
        current = max(self._sizes)
        if self._sizes[current] and self._sizes[current] + len(line) > self._segment_bytes:
            current = self.n + 1
            self._unsynced.add(self._file)
            self._file = self._path(current).open("ab", buffering=0)
            self._sizes[current] = 0
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._sizes[current])
            raise
        self._unsynced.add(self._file)
        self._sizes[current] += len(line)
        self.n += 1
        self._note(entry)

    def sync(self) -> None:
        """Flush all written entries to disk; safe to call from another thread."""
        while self._unsynced:
            file = self._unsynced.pop()
            os.fsync(file.fileno())
            if file is not self._file:
                file.close()

    def after(self, since: int, boot: str) -> int:
        """Return the entry after which a reader resumes that has `since` from the agent's `boot`.

        A power failure may lose entries that a reader has; their numbers are then reused.
        """
        survived = self._ends.get(boot, self.n)
        return max(self.first - 1, min(since, survived))

    def place(self, since: int) -> tuple[int, int]:
        """Return the position of the entry after `since`: segment and byte offset."""
        segment = max(first for first in self._sizes if first <= since + 1)
        with self._path(segment).open("rb") as file:
            for _ in range(since + 1 - segment):
                file.readline()
            return segment, file.tell()

    def read(self, place: tuple[int, int]) -> tuple[bytes, tuple[int, int]]:
        """Return some whole lines from a position, and the position after them."""
        segment, offset = place
        left = self._sizes[segment] - offset
        if not left:
            later = [first for first in self._sizes if first > segment]
            return self.read((min(later), 0)) if later else (b"", place)
        with self._path(segment).open("rb") as file:
            file.seek(offset)
            data = file.read(min(CHUNK_BYTES, left))
            if not data.endswith(b"\n"):
                whole, newline, _ = data.rpartition(b"\n")
                data = whole + newline if newline else data + file.readline()
        return data, (segment, offset + len(data))

    def give_room(self, had: int) -> None:
        """Delete the oldest segments beyond the size limit, if all clients have received them."""
        while sum(self._sizes.values()) > self._keep_bytes and len(self._sizes) > 1:
            oldest, following = sorted(self._sizes)[:2]
            if had < following - 1:
                return
            replace(self._folder / "asked", "\n".join(self.asked))
            self._path(oldest).unlink()
            del self._sizes[oldest]

    def _path(self, first: int) -> Path:
        return self._folder / f"{first:012d}.jsonl"

    def _recover(self) -> None:
        files = sorted(self._folder.glob("*.jsonl"))
        for path in files:
            first = int(path.stem)
            if not self._sizes:
                self.n = first - 1
            if first != self.n + 1:
                path.rename(path.with_suffix(".damaged"))
                continue
            # Only the last two segments can have unflushed entries.
            self._sizes[first] = self._scan(path, thorough=path in files[-2:])
            os.truncate(str(path), self._sizes[first])
        if (self._folder / "asked").exists():
            self.asked.update((self._folder / "asked").read_text().split())
        self._sizes = self._sizes or {1: 0}

    def _scan(self, path: Path, thorough: bool) -> int:
        good = 0
        with path.open("rb") as file:
            for line in file:
                head = HEAD.match(line)
                if not head or int(head[1]) != self.n + 1 or not line.endswith(b"}\n"):
                    break
                if thorough or head[2] in (b"in", b"agent"):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        break
                    self._note(entry)
                self.n += 1
                good += len(line)
        return good

    def _note(self, entry: dict[str, Any]) -> None:
        """Update the facts that are needed without reading the journal again."""
        message = entry["m"]
        if entry["ch"] == "in":
            self.asked.add(message["header"]["msg_id"])
        if entry["ch"] != "agent":
            return
        if "id" in message:
            self.asked.add(message["id"])
        if message["event"] == "agent_started":
            if self.boot:
                self._ends[self.boot] = entry["n"] - 1
            self.boot, self.machine = message["boot"], message["machine"]
        elif message["event"] in ("kernel_started", "kernel_adopted"):
            self.kernel_lives = True
        elif message["event"] in ("kernel_died", "shutdown"):
            self.kernel_lives = False

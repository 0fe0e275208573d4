"""The journal: numbered messages on disk, kept when a process or a link fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .files import make_private_folder, open_private, replace
from .messages import CHUNK_BYTES, LargeMessage, Message, as_line, packed
from .segment import Segment

SEGMENT_BYTES = 8 << 20
KEEP_BYTES = 512 << 20


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
        self._segments: dict[int, Segment] = {}
        self._unsynced: set[Any] = set()
        make_private_folder(folder)
        self._recover()
        self._file = open_private(self._last.path)

    @property
    def first(self) -> int:
        """The number of the oldest entry in the journal."""
        return min(self._segments)

    @property
    def _last(self) -> Segment:
        return self._segments[max(self._segments)]

    def append(self, channel: str, message: Message, at: float) -> None:
        """Add an entry; if the write fails (OSError), the journal is unchanged."""
        entry = {"n": self.n + 1, "t": round(at, 3), "ch": channel}
        if isinstance(message, LargeMessage):
            size = message.size
            parts = packed(entry, message)
        else:
            line = as_line(dict(entry, m=message))
            size, parts = len(line), iter([line])
        if self._last.size and self._last.size + size > self._segment_bytes:
            self._unsynced.add(self._file)
            self._segments[self.n + 1] = Segment(self._folder, self.n + 1)
            self._file = open_private(self._last.path)
        self._last.append(self._file, parts, size)
        self._unsynced.add(self._file)
        self.n += 1
        self._note(dict(entry, m=message))

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

    def place(self, since: int, offset: int = 0) -> tuple[int, int]:
        """Return the position of the entry after `since`, or `offset` bytes into it if it is long.

        A position is the number of a segment and a byte offset in it.
        """
        segment = self._segments[max(first for first in self._segments if first <= since + 1)]
        begin = segment.offset_of(since + 1)
        line = segment.long_at(begin)
        return segment.first, begin + (offset if line and 0 <= offset < line.length else 0)

    def offset(self, place: tuple[int, int]) -> int:
        """Return how many bytes of a long entry are before a position."""
        line = self._segments[place[0]].long_at(place[1])
        return place[1] - line.offset if line else 0

    def read(self, place: tuple[int, int], largest: int) -> tuple[bytes, tuple[int, int]]:
        """Return what is sent from a position on, b"" if nothing, and the position after it.

        It is whole lines or a piece of a long one; of a message larger than `largest`, a notice.
        """
        first, offset = place
        segment = self._segments[first]
        if offset == segment.size:
            later = [number for number in self._segments if number > first]
            return self.read((min(later), 0), largest) if later else (b"", place)
        line = segment.long_at(offset)
        if line is None:
            data = segment.read(offset)
            return data, (first, offset + len(data))
        end = line.offset + line.length
        if line.size > largest:
            return segment.withheld(line), (first, end)
        data = segment.bytes_at(offset, min(CHUNK_BYTES, end - offset))
        piece = {"op": "piece", "n": line.n, "offset": offset - line.offset, "total": line.length}
        return as_line(dict(piece, length=len(data))) + data, (first, offset + len(data))

    def give_room(self, had: int) -> None:
        """Delete the oldest segments beyond the size limit, if all clients have received them."""
        while (
            sum(segment.size for segment in self._segments.values()) > self._keep_bytes
            and len(self._segments) > 1
        ):
            oldest, following = sorted(self._segments)[:2]
            if had < following - 1:
                return
            replace(self._folder / "asked", "\n".join(self.asked))
            self._segments.pop(oldest).path.unlink()

    def _recover(self) -> None:
        files = sorted(self._folder.glob("*.jsonl"))
        for path in files:
            segment = Segment(self._folder, int(path.stem))
            if not self._segments:
                self.n = segment.first - 1
            if segment.first != self.n + 1:
                path.rename(path.with_suffix(".damaged"))
                continue
            self._segments[segment.first] = segment
            # Only the last two segments can have unflushed entries.
            for entry in segment.recover(thorough=path in files[-2:]):
                self._note(entry)
            self.n = segment.next - 1
        if (self._folder / "asked").exists():
            self.asked.update((self._folder / "asked").read_text().split())
        self._segments = self._segments or {1: Segment(self._folder, 1)}

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

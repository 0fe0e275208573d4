"""The progress of a sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from dl_magics.core.bar import format_bar
from dl_magics.sync.names import printable
from dl_magics.text import wrap_html

_SECONDS_BETWEEN = 0.25
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    """The amount transferred so far; at the end, the summary.

    `skipped` holds skipped names with the reasons; `waiting` is set while the connection is lost.
    """

    what: str
    files: int
    files_total: int
    bytes: int
    bytes_total: int
    unchanged: int = 0
    seconds: float = 0.0
    seconds_left: float = 0.0
    skipped: tuple[tuple[str, str], ...] = ()
    deleted: tuple[str, ...] = ()
    waiting: str = ""
    done: bool = False

    @property
    def bar(self) -> str:
        """The progress bar as text."""
        part = self.bytes / self.bytes_total if self.bytes_total else 1.0
        left = f" · {self.seconds_left:.0f} s left" if self.seconds_left else ""
        sizes = f"{format_size(self.bytes)} of {format_size(self.bytes_total)}"
        line = f"{format_bar(part)} {self.files:,} of {self.files_total:,} files"
        waiting = f"\n{self.waiting} Reconnecting; an interrupt loses nothing."
        return f"{self.what}\n{line} · {sizes}{left}{waiting if self.waiting else ''}"

    def _lines(self) -> list[str]:
        if not self.done:
            return self.bar.splitlines()
        sent = f"{self.files_total:,} files ({format_size(self.bytes_total)})"
        same = f", {self.unchanged:,} unchanged" if self.unchanged else ""
        lines = [f"{self.what}: {sent} in {self.seconds:.1f} s{same}."]
        if self.deleted:
            lines.append(f"Deleted: {_some(self.deleted)}")
        skipped = [f"{name} ({why})" for name, why in self.skipped]
        if skipped:
            lines.append(f"Skipped {len(skipped)}: {_some(skipped)}")
        return lines

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return wrap_html("<br>".join(map(escape, self._lines())))


class ProgressMeter:
    """Counts transferred bytes and files, and decides when to report them."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._began = self._reported = clock()
        self._files_total = self._bytes_total = self._unchanged = -1
        self._files = self._bytes = 0
        self._since = (self._began, 0)
        self._skipped: dict[str, str] = {}

    def begin(self, files: int, size: int, unchanged: int, skipped: Mapping[bytes, str]) -> None:
        """Set the totals: at the start, and again after each lost connection."""
        if self._files_total < 0:
            self._unchanged = unchanged
        self._files_total = max(self._files_total, files)
        self._bytes_total = max(self._bytes_total, size)
        self._files, self._bytes = self._files_total - files, self._bytes_total - size
        self._since = (self._clock(), self._bytes)
        self._skipped = {printable(name): why for name, why in skipped.items()}

    def add(self, size: int, files: int = 0) -> None:
        """Count transferred bytes and files."""
        self._bytes += size
        self._files += files

    def skip(self, name: bytes, why: str) -> None:
        """Record a skipped name and the reason."""
        self._skipped[printable(name)] = why

    def due(self) -> bool:
        """Whether the progress should be reported now."""
        now = self._clock()
        if now - self._reported < _SECONDS_BETWEEN:
            return False
        self._reported = now
        return True

    async def shown(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[SyncProgress]:
        """Run some work; yield the progress at intervals."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=_SECONDS_BETWEEN))[0]:
                yield self.now()
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def now(self, waiting: str = "") -> SyncProgress:
        """Return the current progress."""
        began, before = self._since
        elapsed, moved = self._clock() - began, self._bytes - before
        left = (self._bytes_total - self._bytes) * elapsed / moved if moved > 0 else 0.0
        return SyncProgress(
            what=self._what,
            files=self._files,
            files_total=max(0, self._files_total),
            bytes=self._bytes,
            bytes_total=max(0, self._bytes_total),
            unchanged=max(0, self._unchanged),
            seconds=self._clock() - self._began,
            seconds_left=max(0.0, left),
            skipped=tuple(self._skipped.items()),
            waiting=waiting,
        )

    def end(self, deleted: list[bytes]) -> SyncProgress:
        """Return the summary."""
        return replace(self.now(), done=True, deleted=tuple(map(printable, deleted)))


def format_size(size: int) -> str:
    """Return a number of bytes in readable units."""
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}" if unit != "bytes" else f"{size} bytes"
        value /= 1000
    return f"{value:,.2f} GB"


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

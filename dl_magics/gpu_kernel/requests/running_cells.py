"""The cells that the kernel runs or has in its queue, of all its clients, from the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.text import escape_controls

TITLE = "dl_magics_title"
"""The metadata of a request whose code says nothing to a person."""
_LINE = 60


@dataclass(frozen=True, slots=True)
class RunningCell:
    """A cell that has not ended.

    `title` is its first line, "" for a cell that was sent by an earlier client; `n` is the number
    of the entry that recorded it, 0 until then.
    """

    id: str
    title: str = ""
    n: int = 0

    def __str__(self) -> str:
        return f"“{self.title}”" if self.title else "a cell that was sent earlier"


class RunningCells:
    """Follows the journal; `cells` are in the order in which the kernel runs them."""

    def __init__(self, busy: str | None = None, n: int = 0) -> None:
        self.cells: tuple[RunningCell, ...] = (RunningCell(busy, n=n),) if busy else ()
        self._dead = False

    def send(self, cell: RunningCell) -> None:
        """Add a cell that is on its way to the kernel, or that has arrived there."""
        self.cells = (*(each for each in self.cells if each.id != cell.id), cell)

    def take(self, entry: JournalEntry) -> None:
        """Update the cells from an entry."""
        if entry.channel == "in" and entry.kind == "execute_request":
            self._accept(entry)
        elif entry.kind == "status" and entry.message["content"]["execution_state"] == "idle":
            self._end(lambda cell: cell.id == entry.answers)
        elif entry.event in ("kernel_died", "kernel_started", "shutdown"):
            self._dead = entry.event != "kernel_started"
            # A cell that was not recorded is still on its way, but not to a stopped instance.
            is_stopped = "stopped" in entry.message
            self._end(lambda cell: is_stopped or 0 < cell.n <= entry.n)
        elif entry.event == "settled":
            self._end(lambda cell: 0 < cell.n < entry.message["before"])

    def _accept(self, entry: JournalEntry) -> None:
        title = entry.message["metadata"].get(TITLE) or entry.message["content"]["code"]
        self.send(RunningCell(entry.id, first_line(str(title)), entry.n))
        if self._dead:
            self._end(lambda cell: cell.id == entry.id)

    def _end(self, has_ended: Callable[[RunningCell], bool]) -> None:
        self.cells = tuple(cell for cell in self.cells if not has_ended(cell))


def first_line(code: str) -> str:
    """Return the first line of a cell that is not blank, shortened; a host may have written it."""
    line = next((line.strip() for line in code.splitlines() if line.strip()), "")
    line = escape_controls(line[: _LINE + 1])
    return line if len(line) <= _LINE else line[: _LINE - 1] + "…"

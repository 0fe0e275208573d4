"""Output of cells that no notebook has shown: its kernel ended, or was disconnected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.errors import DLMagicsError
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.requests.pending_request import Message
from dl_magics.gpu_kernel.requests.running_cells import TITLE, first_line
from dl_magics.store import state

_KEPT = 20


def note_start(kernel: NotebookKernel) -> None:
    """Record that this notebook shows its cells, before the first one runs."""
    with suppress(OSError, DLMagicsError):
        if kernel.client.session not in state.read().shown.get(kernel.id, {}):
            note_shown(kernel)


def note_shown(kernel: NotebookKernel) -> None:
    """Record that this notebook has shown all that came so far of the cells that it sent."""
    # If this fails, output is shown once more rather than not at all.
    with suppress(OSError, DLMagicsError):
        state.note_shown(kernel.id, {kernel.client.session: kernel.client.n}, keep=_KEPT)


class MissedOutput:
    """Reads the journal from where the earlier clients of this GPU kernel have shown it."""

    def __init__(self, kernel: NotebookKernel) -> None:
        self._kernel = kernel
        stored = state.read()
        shown = stored.shown.get(kernel.id, {})
        ours = kernel.client.session
        self._shown = {session: n for session, n in shown.items() if session != ours}
        self._last = min(self._shown.values(), default=0)
        # %gpu_output and %attach show these from their beginning.
        self._others = {cell.msg_id for cell in stored.background_cells.get(kernel.id, ())}
        self._titles: dict[str, str] = {}

    def read(self) -> Iterator[tuple[str, Message]]:
        """Yield the messages, each with the first line of its cell; wait for those that run."""
        if not self._shown:
            return
        for entry in self._kernel.client.read_journal(self._last):
            self._last = entry.n
            if entry.channel == "in" and entry.kind == "execute_request":
                self._take_request(entry)
            elif self._is_missed(entry):
                yield self._titles.get(entry.answers, ""), entry.message
        for cell in self._kernel.client.unfinished_cells:
            if title := self._titles.get(cell.id):
                rest = self._kernel.client.resume(cell.id, self._last)
                yield from ((title, message) for message in rest)
        seen = max(self._last, self._kernel.client.n)
        state.note_shown(self._kernel.id, dict.fromkeys(self._shown, seen), keep=_KEPT)

    def _take_request(self, entry: JournalEntry) -> None:
        message = entry.message
        if message["metadata"].get(TITLE):
            self._others.add(entry.id)
        elif message["header"].get("session") in self._shown:
            self._titles[entry.id] = first_line(message["content"]["code"])

    def _is_missed(self, entry: JournalEntry) -> bool:
        if entry.channel != "iopub" or entry.answers in self._others:
            return False
        session = entry.message["parent_header"].get("session", "")
        return session in self._shown and entry.n > self._shown[session]

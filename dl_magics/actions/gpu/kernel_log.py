"""The journal of a GPU kernel as a notebook: its cells with their code, outputs and numbers."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from dl_magics.errors import BadSetting
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.store import atomic

_OURS = "dl_magics"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
    "language_info": {"name": "python"},
}
# What nbformat raises, beside its own, for a file that may hold anything.
_NOT_READ = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def build_notebook(entries: Iterable[JournalEntry]) -> NotebookNode:
    """Return a notebook of all cells in a journal; requests of dl_magics itself are left out."""
    builder = _Builder()
    for entry in entries:
        builder.take(entry)
    notebook: NotebookNode = v4.new_notebook(cells=builder.cells, metadata=_PYTHON)
    notebook.metadata[_OURS] = {"sha256": _hash_cells(notebook)}
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> Path:
    """Write a notebook; a file that `write_notebook` did not write as it is now is not replaced.

    Raises
    ------
    BadSetting
        if the name is not one of a notebook, or there is such a file.
    """
    if path.suffix != ".ipynb":
        raise BadSetting(
            f"{path} is not the name of a notebook.",
            fix=f"%gpu_log -o {shlex.quote(f'{path}.ipynb')}",
        )
    if (path.exists() or path.is_symlink()) and not _is_unchanged(path):
        names = (path.with_stem(f"{path.stem}-{n}") for n in count(2))
        free = next(name for name in names if not name.exists())
        raise BadSetting(
            f"{path} exists, and %gpu_log did not write it, or it was changed since.",
            fix=f"%gpu_log -o {shlex.quote(str(free))}",
        )
    return atomic.replace(path, nbformat.writes(notebook), mode=None)


def _is_unchanged(path: Path) -> bool:
    try:
        written = nbformat.read(path, as_version=4)
        return bool(written.metadata[_OURS]["sha256"] == _hash_cells(written))
    except (*_NOT_READ, nbformat.ValidationError):
        return False


def _hash_cells(notebook: NotebookNode) -> str:
    return hashlib.sha256(json.dumps(notebook.cells, sort_keys=True).encode()).hexdigest()


class _Builder:
    """Adds journal entries to the cells of a notebook, as a front end does."""

    def __init__(self) -> None:
        self.cells: list[NotebookNode] = []
        self._by_request: dict[str, NotebookNode] = {}
        self._displays: dict[str, list[NotebookNode]] = {}
        self._clearing: set[str] = set()

    def take(self, entry: JournalEntry) -> None:
        """Add an entry; one that is not a valid message is left out."""
        try:
            if entry.channel == "in" and entry.kind == "execute_request":
                self._add_cell(entry)
            elif entry.channel == "iopub" and (cell := self._by_request.get(entry.answers)):
                self._add_output(entry, cell)
            elif entry.event in _NOTES:
                text = _NOTES[entry.event].format(why=entry.message.get("why", ""))
                self._add_note(entry.n, text)
        except (LookupError, TypeError, ValueError, AttributeError, nbformat.ValidationError):
            return

    def _add_cell(self, entry: JournalEntry) -> None:
        content = entry.message["content"]
        if content["silent"] or not content["store_history"]:
            return
        cell = v4.new_code_cell(str(content["code"]), id=f"entry-{entry.n}")
        self._by_request[entry.id] = cell
        self.cells.append(cell)

    def _add_note(self, n: int, text: str) -> None:
        # A kernel that starts before the first cell is no news.
        if self.cells:
            self.cells.append(v4.new_markdown_cell(text, id=f"entry-{n}"))

    def _add_output(self, entry: JournalEntry, cell: NotebookNode) -> None:
        kind, content = entry.kind, entry.message["content"]
        if kind == "execute_input":
            cell.execution_count = int(content["execution_count"])
        elif kind == "clear_output":
            self._clear(entry, cell)
        elif kind == "update_display_data":
            data, metadata = _without_widget(content["data"]), dict(content.get("metadata") or {})
            for shown in self._displays.get(_find_display(content), ()):
                shown.data, shown.metadata = data, metadata
        elif kind in ("stream", "display_data", "execute_result", "error"):
            self._append(v4.output_from_msg(entry.message), entry, cell)

    def _clear(self, entry: JournalEntry, cell: NotebookNode) -> None:
        if entry.message["content"].get("wait"):
            self._clearing.add(entry.answers)
        else:
            cell.outputs = []

    def _append(self, output: NotebookNode, entry: JournalEntry, cell: NotebookNode) -> None:
        if entry.answers in self._clearing:
            self._clearing.discard(entry.answers)
            cell.outputs = []
        last = cell.outputs[-1] if cell.outputs else NotebookNode()
        if output.output_type == "stream" == last.get("output_type") and output.name == last.name:
            last.text += output.text
            return
        if "data" in output:
            output.data = _without_widget(output.data)
            if id_ := _find_display(entry.message["content"]):
                self._displays.setdefault(id_, []).append(output)
        cell.outputs.append(output)


_NOTES = {
    "kernel_died": "*The GPU kernel died: {why}.*",
    "kernel_started": "*The GPU kernel was restarted: the variables of the cells above are lost.*",
    "skipped": "*The journal no longer has what came before.*",
}


def _find_display(content: dict[str, Any]) -> str:
    """Return the id by which an output is updated, "" if it has none; a host may send anything."""
    transient = content.get("transient")
    id_ = transient.get("display_id") if isinstance(transient, dict) else None
    return id_ if isinstance(id_, str) else ""


def _without_widget(data: dict[str, Any]) -> dict[str, Any]:
    """Return the forms of an output that need no kernel."""
    plain = {mime: value for mime, value in data.items() if mime != _WIDGET}
    return plain or data

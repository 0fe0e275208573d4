"""The cells of a GPU kernel's journal as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

_LINES = 20


class KernelLog:
    """The last cells of a notebook, with the last lines of their outputs."""

    def __init__(self, notebook: NotebookNode, last: int) -> None:
        self._cells = notebook.cells
        self._last = last

    def __repr__(self) -> str:
        """Return the text that IPython displays."""
        shown = self._cells[-self._last :] if self._last else []
        lines = [line for cell in shown for line in _format_cell(cell)]
        if hidden := len(self._cells) - len(shown):
            lines.insert(0, f"… {hidden} earlier cells: %gpu_log --last {len(self._cells)}")
        lines.append("%gpu_log -o FILE.ipynb writes them all as a notebook.")
        return "\n".join(lines)


def _format_cell(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    first, *more = cell.source.splitlines() or [""]
    prompt = f"In [{cell.execution_count or ' '}]: "
    yield prompt + first
    yield from (f"{'...: ':>{len(prompt)}}{line}" for line in more)
    printed = [line for output in cell.outputs for line in _format_output(output)]
    if len(printed) > _LINES:
        yield f"… {len(printed) - _LINES} earlier lines"
    yield from printed[-_LINES:]


def _format_output(output: Any) -> list[str]:
    if output.output_type == "stream":
        text = output.text
    elif output.output_type == "error":
        text = f"{output.ename}: {output.evalue}"
    else:
        text = output.data.get("text/plain") or f"<{', '.join(output.data)}>"
    # A progress bar writes over its own line.
    return [
        line.rpartition("\r")[2] for line in str(text).replace("\r\n", "\n").split("\n") if line
    ]

"""An output of a cell that is replaced in place, in every kind of front end.

A front end that runs the cells replaces an updatable display. Where the Jupyter server runs them
(jupyter-server-documents), each update would be appended to the notebook, but `clear_output` works:
it clears the whole cell, so it is used only in a cell that consists of one magic.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, clear_output, display

Mode = Literal["update", "clear", "append"]
# The lines of `print_line`, by the cell; those of the last cell only.
_lines: dict[str, list[str]] = {}


class UpdatableDisplay:
    """Shows one output; each later one replaces it.

    Where that is impossible, `show` displays the first output only, and `finish` the last one.
    """

    def __init__(self, shell: Any) -> None:
        self._mode = find_mode(shell)
        self._shell = shell
        self._handle: DisplayHandle | None = None
        self._is_shown = False

    def show(self, bundle: Mapping[str, Any] | Any) -> None:
        """Display a MIME bundle or an object in place of the previous one."""
        if self._mode != "append" or not self._is_shown:
            self._replace(bundle)

    def finish(self, bundle: Mapping[str, Any]) -> None:
        """Display the last output."""
        self._replace(bundle)

    def remove(self) -> None:
        """Remove what is shown."""
        if self._mode == "update" and self._handle:
            self._handle.update({"text/plain": ""}, raw=True)
        elif self._mode == "clear":
            self._clear(wait=False)

    def _replace(self, bundle: Any) -> None:
        options: dict[str, Any] = {"raw": True} if isinstance(bundle, Mapping) else {}
        if self._mode == "update" and self._handle:
            self._handle.update(bundle, **options)
            return
        if self._mode == "clear" and self._is_shown:
            self._clear(wait=True)
        self._is_shown = True
        self._handle = display(bundle, display_id=True, **options)

    def _clear(self, *, wait: bool) -> None:
        clear_output(wait=wait)
        for line in _lines.get(_find_cell(self._shell), ()):
            print(line, flush=True)


def find_mode(shell: Any) -> Mode:
    """Return how an output of the running cell can be replaced.

    "update" is an updatable display, "clear" clears the output of the cell, and with "append"
    nothing can be replaced: in a terminal, and in a cell that has other output where the server
    runs the cells.
    """
    if getattr(shell, "kernel", None) is None:
        return "append"
    if not server_runs_cells(shell):
        return "update"
    return "clear" if _is_one_magic(_request(shell)["content"].get("code", "")) else "append"


def server_runs_cells(shell: Any) -> bool:
    """Whether the Jupyter server runs the cells and writes their output into the notebook.

    Such a server accepts no input. Neither does nbclient, but it replaces updatable displays, and
    no server started its kernel.
    """
    content = _request(shell).get("content", {})
    return "JPY_SESSION_NAME" in os.environ and content.get("allow_stdin") is False


def print_line(line: object) -> None:
    """Print a line that stays when an updatable display of the same cell is replaced."""
    print(line, flush=True)
    cell = _find_cell(get_ipython())
    if cell not in _lines:
        _lines.clear()
    _lines.setdefault(cell, []).append(str(line))


def _find_cell(shell: Any) -> str:
    """Return the id of the request that runs the cell."""
    return str(_request(shell).get("header", {}).get("msg_id", ""))


def _request(shell: Any) -> dict[str, Any]:
    """Return the execute_request of the running cell; {} outside a kernel."""
    kernel = getattr(shell, "kernel", None)
    return dict(kernel.get_parent() or {}) if kernel is not None else {}


def _is_one_magic(code: str) -> bool:
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and (lines[0].startswith("%%") or len(lines) == 1)

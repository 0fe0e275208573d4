"""An output of a cell that is replaced in place, in every kind of front end.

A front end that runs the cells replaces an updatable display. Where the Jupyter server runs them
(jupyter-server-documents), each update would be appended to the notebook, but `clear_output` works:
it clears the whole cell, so it is used only in a cell that consists of one magic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, clear_output, display

from dl_magics.magics.display.front_end import (
    find_cell,
    get_request,
    is_console,
    server_runs_cells,
    shows_widgets,
)
from dl_magics.magics.display.plain_text import build_bundle

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
        for line in _lines.get(find_cell(self._shell), ()):
            print(line, flush=True)


def find_mode(shell: Any) -> Mode:
    """Return how an output of the running cell can be replaced.

    "update" is an updatable display, "clear" clears the output of the cell, and with "append"
    nothing can be replaced: in a terminal or a console, and in a cell that has other output where
    the server runs the cells.
    """
    if getattr(shell, "kernel", None) is None or is_console(shell):
        return "append"
    if not server_runs_cells(shell):
        return "update"
    return "clear" if _is_one_magic(get_request(shell)["content"].get("code", "")) else "append"


def print_line(line: object) -> None:
    """Print a line that stays when an updatable display of the same cell is replaced."""
    shell = get_ipython()
    if shows_widgets(shell):
        display(build_bundle(str(line)), raw=True)
        return
    print(line, flush=True)
    cell = find_cell(shell)
    if cell not in _lines:
        _lines.clear()
    _lines.setdefault(cell, []).append(str(line))


def _is_one_magic(code: str) -> bool:
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and (lines[0].startswith("%%") or len(lines) == 1)

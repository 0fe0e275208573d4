"""A shell with the magics, whose cells a command runs one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
Refusals = tuple[type[Exception], ...]


class CellFailed(Exception):
    """A cell failed; its error has been shown."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Session:
    """A shell with the magics, whose errors are as in a notebook."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        quiet = Config({"HistoryManager": {"enabled": False}})
        self._shell = InteractiveShell.instance(config=quiet)
        self._shell.run_line_magic("load_ext", "dl_magics")

    def run(self, cell: str, *, refusals: Refusals = ()) -> Any:
        """Run a cell; return its value. With `refusals`, as with a UserError, nothing has begun."""
        from dl_magics.errors import UserError

        done = self._shell.run_cell(cell, store_history=False)
        error = done.error_before_exec or done.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise CellFailed(INTERRUPTED)
        if error:
            refused = isinstance(error, (UserError, *refusals))
            raise CellFailed(REFUSED if refused else FAILED)
        return done.result

    @contextmanager
    def showing_refusals(self) -> Iterator[None]:
        """Show an error of a check as that of a cell: nothing has begun."""
        from dl_magics.errors import DLMagicsError

        try:
            yield
        except DLMagicsError:
            self._shell.showtraceback()
            raise CellFailed(REFUSED) from None

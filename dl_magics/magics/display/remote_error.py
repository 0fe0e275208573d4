"""The error of a cell on the GPU kernel: raised here under its own name, with its own traceback."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from functools import lru_cache
from keyword import iskeyword
from typing import Any, NoReturn

from dl_magics.text import wrap_line

# IPython shows a SyntaxError without our traceback, a StopIteration ends the caller's loop, and a
# group needs the exceptions themselves.
_NOT_INHERITED = (SyntaxError, StopIteration, StopAsyncIteration, BaseExceptionGroup)


_LONGEST_NAME = 200


class RemoteTraceback(BaseException):
    """Shown with the traceback of the GPU kernel; its text is the one that it has there."""

    def __init__(self, text: str, traceback: list[str]) -> None:
        # The next class may be any built-in exception, and some require other arguments.
        BaseException.__init__(self, text)
        self.text, self.traceback = text, traceback

    def __str__(self) -> str:
        return self.text

    def _render_traceback_(self) -> list[str]:
        name = type(self).__name__
        return self.traceback or [f"{name}: {self}" if self.text else name]


class GpuError(RemoteTraceback, Exception):
    """A cell failed on the GPU kernel. Its class has the name of the error there.

    It also inherits from the built-in exception of that name, so that `except` works as usual.
    """


class GpuInterrupt(RemoteTraceback, KeyboardInterrupt):
    """A cell was interrupted on the GPU kernel; like a KeyboardInterrupt it is no Exception."""


def build_error(content: Mapping[str, Any]) -> GpuError | GpuInterrupt:
    """Return the exception for the content of an `error` message, whatever a host sends in it."""
    # A kernel of another language may write a dotted name.
    name = str(content.get("ename", "")).rpartition(".")[2][:_LONGEST_NAME]
    lines = content.get("traceback")
    shown = [str(line) for line in lines] if isinstance(lines, list) else []
    is_name = name.isidentifier() and not iskeyword(name)
    kind = _error_class(name if is_name else "GpuError")
    return kind(str(content.get("evalue", "")), shown)


def print_error(content: Mapping[str, Any]) -> None:
    """Print the error of a cell that does not end the cell that runs here."""
    print(*build_error(content)._render_traceback_(), sep="\n", file=sys.stderr)


def build_interrupt(happened: str, *, fix: str) -> BaseException:
    """Return a KeyboardInterrupt that says in two lines what became of a cell."""
    shown = [wrap_line(f"KeyboardInterrupt: {happened}"), wrap_line(f"  {fix}")]
    return _error_class("KeyboardInterrupt")(happened, shown)


def raise_error(error: BaseException) -> NoReturn:
    """Raise the error of a cell. The debugger stops here, and shows the two lines above `raise`."""
    # This debugger cannot show the code of the cell: it failed in the GPU kernel.
    # To debug it there: q, then a new cell with the two lines %%gpu and %debug.
    raise error


@lru_cache(maxsize=256)
def _error_class(name: str) -> type[GpuError | GpuInterrupt]:
    kind = getattr(builtins, name, None)
    bases: tuple[type[BaseException], ...] = (GpuError,)
    if kind is KeyboardInterrupt:
        bases = (GpuInterrupt,)
    elif isinstance(kind, type) and issubclass(kind, Exception):
        bases = (GpuError,) if issubclass(kind, _NOT_INHERITED) else (GpuError, kind)
    # Python writes the module's name before that of an exception, except for this one.
    return type(name, bases, {"__module__": "builtins"})

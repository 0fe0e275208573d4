"""What a magic says when it is interrupted: two lines in the place of a traceback.

It remains a KeyboardInterrupt: the cell fails, and cells that follow do not run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

from dl_magics.magics.help.groups import HelpGroup
from dl_magics.text import escape_controls

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magic import Magics

_ABOUT_MONEY = (HelpGroup.RENT, HelpGroup.STOP)


@contextmanager
def explaining(describe: Callable[[], tuple[str, str]]) -> Iterator[None]:
    """Say in two lines what an interrupt of this block left behind; `describe` returns them.

    One that was explained further inside keeps its lines.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from dl_magics.magics.display.remote_error import RemoteTraceback, build_interrupt

        if isinstance(interrupt, RemoteTraceback):
            raise
        happened, fix = describe()
        raise build_interrupt(happened, fix=fix) from None


def explain_all(shell: InteractiveShell, kinds: tuple[type[Magics], ...]) -> None:
    """Let each magic of these classes, which are registered, say that it was interrupted."""
    for kind, table in shell.magics_manager.magics.items():
        sign = "%%" if kind == "cell" else "%"
        for name, magic in table.items():
            # Any attribute of one of IPython's lazy magics would import its module.
            if type(magic) is MethodType and isinstance(magic.__self__, kinds):
                table[name] = MethodType(_explain(magic.__func__, f"{sign}{name}"), magic.__self__)


def _explain(magic: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(magic)
    def explained(self: Magics, line: str, *rest: Any, **options: Any) -> Any:
        again = "Run the cell again."
        if not name.startswith("%%"):
            again = f"To run it again: {name} {escape_controls(line)}".rstrip()
        if vars(magic).get("help_group") in _ABOUT_MONEY:
            again += " · %aws_list shows what costs money"
        lines = f"{name} was interrupted before its end.", again
        with explaining(lambda: lines):
            return magic(self, line, *rest, **options)

    return explained

"""A status line while a cell waits for a GPU kernel whose link is down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.display.updatable import UpdatableDisplay, find_mode, print_line

if TYPE_CHECKING:
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
    from dl_magics.gpu_kernel.agent_connection import AgentConnection
    from dl_magics.gpu_kernel.link.status import LinkStatus

# A shorter interruption is not shown.
_BLIP_SECONDS = 3
_AWAY = ("lost", "gone", "stopped")


class LinkStatusLine:
    """Shows that the link is lost and for how long, then that it is back, in one updated line.

    It also shows that the disk of the host is full: output waits until there is free space.

    Parameters
    ----------
    say
        Displays a text in place of the previous one.
    """

    def __init__(
        self,
        name: str,
        link: AgentConnection,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._name = name
        self._link = link
        self._say = say
        self._since = 0.0
        self._boot = ""
        self._shown = ""

    def look(self) -> None:
        """Update the line from the state of the link."""
        status = self._link.status
        if status.state in _AWAY:
            self._since = self._since or status.alive_at
            seconds = round(self._clock() - self._since)
            if seconds >= _BLIP_SECONDS:
                self._show(self._away(status, seconds))
            return
        if status.agent.full:
            self._since = 0.0
            self._show(self._full(status.agent.full))
            return
        if self._shown:
            freed = f"The disk of {self._name} has free space again."
            self._say(self._back(status.agent.boot) if self._since else freed)
        self._since, self._shown = 0.0, ""
        self._boot = status.agent.boot

    def _show(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self._say(text)

    def _full(self, why: str) -> str:
        kept = "the cell keeps running, and its output is kept until there is free space"
        return (
            f"The disk of {self._name} is full ({why.lower()}): {kept}.\n"
            "  Free some space on the host to see it · in a terminal on the host: df -h ~"
        )

    def _away(self, status: LinkStatus, seconds: int) -> str:
        match status.state:
            case "stopped":
                message = status.why
            case "gone":
                message = f"{self._name} answers, but there is no agent: {status.why}."
            case _:
                lost = f"The connection to {self._name} has been lost for {seconds} s"
                message = f"{lost}; the cell keeps running."
        return f"{message} Reconnecting …"

    def _back(self, boot: str) -> str:
        message = (
            f"The connection to {self._name} is back after {round(self._clock() - self._since)} s"
        )
        # If the agent was restarted, output may be missing, and the cell shows a notice.
        return f"{message}; no output was lost." if boot == self._boot else f"{message}."


@contextmanager
def show_link_status(
    shell: InteractiveShell, kernel: NotebookKernel
) -> Iterator[Callable[[str], None]]:
    """Show the status line, if needed, while a cell waits inside this block.

    Yields a function that shows another line, each time in place of the last one.
    """
    client = kernel.client
    line = LinkStatusLine(kernel.host.name, client.link, _screen(shell))
    line.look()
    client.waiting = line.look
    try:
        yield _screen(shell)
    finally:
        client.waiting = lambda: None
        line.look()


def _screen(shell: InteractiveShell) -> Callable[[str], None]:
    """Return a function that replaces the displayed text, or prints lines where it cannot.

    The cell has other output, so nothing else than an updatable display can be replaced.
    """
    if find_mode(shell) == "update":
        shown = UpdatableDisplay(shell)
        return lambda text: shown.show(build_bundle(text))
    printed = ""

    def say(text: str) -> None:
        nonlocal printed
        # A change of the duration alone is not printed.
        what = text.partition(" for ")[0]
        if what != printed:
            print_line(text)
        printed = what

    return say

"""Shows a cell of the GPU kernel while it runs. What ends the cell here also ends it there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

from dl_magics.magics.display.cell_widgets import CellWidgets
from dl_magics.magics.display.late_output import LateOutput
from dl_magics.magics.display.messages import show_message
from dl_magics.magics.display.remote_error import build_interrupt, raise_error

if TYPE_CHECKING:
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
    from dl_magics.gpu_kernel.requests.pending_request import PendingRequest

_LOOK_SECONDS = 0.1


class LeftCell(KeyboardInterrupt):
    """The second interrupt: the notebook does not wait for the cell any more."""


def wait_for_turn(kernel: NotebookKernel, say: Callable[[str], None]) -> None:
    """Wait until the GPU kernel has ended the cells that it has; Ctrl-C leaves those alone.

    A cell that was sent could not be taken back from the kernel's queue.
    """
    client = kernel.client
    if not (ahead := client.unfinished_cells):
        return
    try:
        say(f"Waiting for {ahead[0]} to end on {kernel.host.name} …")
        while client.unfinished_cells:
            ahead = client.unfinished_cells or ahead
            client.waiting()
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        raise build_interrupt(
            f"This cell was not run: it waited for {ahead[0]}, which keeps running.",
            fix="%gpu_interrupt ends that one; %gpu_output shows a background cell.",
        ) from None
    say(f"{ahead[-1]} has ended.")


def run_cell(shell: InteractiveShell, kernel: NotebookKernel, code: str) -> None:
    """Run a cell on the GPU kernel, show it until its end, and raise its error."""
    from dl_magics.actions.gpu import cells

    widgets = CellWidgets(shell, kernel.client)
    since = kernel.client.n
    late = LateOutput(shell, widgets.bridge)
    request = kernel.client.execute(code, allow_stdin=accepts_input(shell), late=late.show)
    with kernel.client.interrupt_at_exit(request):
        widgets.come_with(request)
        try:
            failed = _show_until_end(kernel, request, widgets)
        except LeftCell:
            cells.remember_cell(kernel, request.id, since, code)
            raise _explain_left(kernel) from None
    widgets.finish()
    if failed:
        raise_error(failed)


def accepts_input(shell: InteractiveShell) -> bool:
    """Whether the front end of the cell that runs here can answer `input()`."""
    if (kernel := getattr(shell, "kernel", None)) is None:
        return True
    return bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


def _show_until_end(
    kernel: NotebookKernel, request: PendingRequest, widgets: CellWidgets
) -> BaseException | None:
    """Show a cell; the first Ctrl-C interrupts it there, the second also stops to wait for it."""
    failed: BaseException | None = None
    interrupted = False
    while True:
        try:
            for message in request:
                error = show_message(message, kernel.client.input_reply, widgets)
                failed = failed or error
            return failed
        except KeyboardInterrupt:
            if interrupted:
                raise LeftCell from None
            interrupted = True
            kernel.client.interrupt(request)
            if kernel.client.link.status.state != "attached":
                print(
                    f"The cell is interrupted when the connection to {kernel.host.name} is back; "
                    "interrupt again to stop waiting.",
                    file=sys.stderr,
                )


def _explain_left(kernel: NotebookKernel) -> BaseException:
    if kernel.client.link.status.state == "attached":
        return build_interrupt(
            f"The cell on {kernel.host.name} was interrupted twice and has not ended yet.",
            fix="%gpu_output shows its output; %gpu_restart ends it with its kernel.",
        )
    return build_interrupt(
        f"There is no connection to {kernel.host.name}: the cell goes on there.",
        fix="It is interrupted when the connection is back; %gpu_output shows its output then.",
    )

"""Shows output that was not shown when it came: of background cells, and what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

from dl_magics.actions.gpu import cells
from dl_magics.actions.gpu.missed_output import MissedOutput
from dl_magics.magics.display.cell_widgets import CellWidgets
from dl_magics.magics.display.late_output import LateOutput
from dl_magics.magics.display.messages import OUTPUTS, show_messages, show_output
from dl_magics.magics.display.remote_error import print_error, raise_error

if TYPE_CHECKING:
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel


def show_background_cell(shell: InteractiveShell, kernel: NotebookKernel, number: int) -> None:
    """Show a background cell until it ends; Ctrl-C stops the display, not the cell."""
    widgets = CellWidgets(shell, kernel.client)
    late = LateOutput(shell, widgets.bridge)
    messages = cells.follow_output(kernel, number, late.show)
    failed = show_messages(messages, kernel.client.input_reply, widgets)
    widgets.finish()
    if failed:
        raise_error(failed)


def show_missed(kernel: NotebookKernel) -> bool:
    """Show what no notebook has shown, below the first line of its cell; return whether there was.

    Ctrl-C stops the display: the next call begins again.
    """
    shown = None
    for title, message in MissedOutput(kernel).read():
        kind = message["header"]["msg_type"]
        if kind not in (*OUTPUTS, "error"):
            continue
        cell = message["parent_header"]["msg_id"]
        if cell != shown:
            print(f"Of “{title}”:" if title else "Of an earlier cell:")
            shown = cell
        if kind in OUTPUTS:
            show_output(message)
        else:
            print_error(message["content"])
    return shown is not None

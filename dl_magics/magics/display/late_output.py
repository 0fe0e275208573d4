"""Output that comes after the end of its cell: of threads, tasks, child processes and displays."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from dl_magics.magics.display.cell_widgets import prepare_output
from dl_magics.magics.display.messages import OUTPUTS, Message, show_output
from dl_magics.magics.display.remote_error import print_error
from dl_magics.widgets.remote.bridge import CARRIED, WidgetBridge


class LateOutput:
    """Shows messages under the cell in which it was created, also after that cell has ended.

    Front ends put an output under the cell that its parent header names. In a terminal, the output
    is printed.
    """

    def __init__(self, shell: InteractiveShell, bridge: WidgetBridge | None = None) -> None:
        self._bridge = bridge
        self._kernel: Any = getattr(shell, "kernel", None)
        self._parent = self._kernel and self._kernel.get_parent("shell")

    def show(self, message: Message) -> None:
        """Show a message; callable from any thread."""
        kind = message["header"]["msg_type"]
        if self._bridge and message.get("channel") == CARRIED:
            self._bridge.apply(dict(message))
        elif self._kernel:
            if kind in (*OUTPUTS, "error"):
                self._publish(kind, dict(message["content"]))
        elif kind == "error":
            # Of a cell that was left before its end.
            print_error(message["content"])
        elif kind in OUTPUTS:
            show_output(message)

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        if "data" in content:
            content = prepare_output(content, self._bridge)
        if kind == "execute_result":
            # Its number is that of a cell in the GPU kernel.
            kind = "display_data"
            content.pop("execution_count", None)
        self._kernel.session.send(
            self._kernel.iopub_socket, kind, content, parent=self._parent, ident=kind.encode()
        )

"""Opens the comms of the GPU kernel's widgets in this kernel: the front end shows them live.

An id is the same on both sides. A widget of the GPU kernel is known here by the ids that the GPU
kernel opened itself: it has no access to the widgets of this notebook.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

import comm

from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.widgets.remote.comm_messages import (
    KINDS,
    TARGET,
    CommMessage,
    CommRefused,
    find_models,
    parse_message,
)
from dl_magics.widgets.remote.models import RemoteModel
from dl_magics.widgets.remote.outbox import Outbox
from dl_magics.widgets.remote.views import WidgetViews

Message = dict[str, Any]
CARRIED = "widgets"
"""The channel of a message that is for `WidgetBridge.apply`."""
_OUTPUTS = {"stream", "display_data", "execute_result", "update_display_data", "clear_output"}
_CLOSED = {"header": {"msg_type": "closed"}, "content": {}}
_MAX_COMMS = 50_000
_MAX_CELLS = 1000
_LOG = logging.getLogger(__name__)


class Carrier(Protocol):
    """The request of a cell: its messages and those of widgets are shown in their order."""

    id: str

    def put(self, message: Any) -> None: ...


class WidgetBridge:
    """The widgets of one GPU kernel.

    Parameters
    ----------
    kernel
        The ipykernel of this notebook.
    send
        Sends a message to the shell channel of the GPU kernel without waiting.
    """

    def __init__(self, kernel: Any, send: Callable[[Message], object]) -> None:
        self.views = WidgetViews()
        self.models: dict[str, RemoteModel] = {}
        self._comms: dict[str, Any] = {}
        self._kernel = kernel
        self._outbox = Outbox(send)
        self._cells: dict[str, Message] = {}
        self._carrier: Carrier | None = None
        self._noted: set[str] = set()
        self._changing = threading.RLock()

    def carry_with(self, request: Carrier) -> None:
        """Let the messages of widgets come with those of a cell of this notebook."""
        self._cells[request.id] = self._kernel.get_parent("shell")
        for old in list(self._cells)[:-_MAX_CELLS]:
            del self._cells[old]
        self._carrier = request

    def take(self, entry: JournalEntry | None) -> bool:
        """Take an entry that belongs to widgets, return whether it was one; None ends the link."""
        if entry is None or entry.event in ("kernel_died", "kernel_started", "shutdown"):
            self._route(_CLOSED)
        elif entry.event in ("settled", "skipped"):
            self._outbox.finish()
        elif entry.channel == "iopub":
            caused = self._outbox.find_parent(entry.answers) is not None
            if caused and entry.kind == "status":
                if entry.message["content"]["execution_state"] == "idle":
                    self._outbox.finish(entry.answers)
                return True
            if caused or entry.kind in KINDS:
                self._route(entry.message)
                return True
        return False

    def apply(self, message: Message) -> None:
        """Show what a message changes; callable from any thread."""
        kind = message["header"]["msg_type"]
        try:
            with self._changing:
                if kind == "closed":
                    self.close()
                elif kind in KINDS:
                    self._apply_comm(parse_message(message), message)
                elif kind in _OUTPUTS | {"error"} and (parent := self._find_parent(message)):
                    self._publish(kind, self.prepare(message["content"]), parent)
        except CommRefused as refused:
            self._note(f"A widget message of the GPU kernel was refused: {refused}.")
        except Exception:
            # The journal has it; the link must not end with a display.
            _LOG.warning("A widget of the GPU kernel could not be shown.", exc_info=True)

    def prepare(self, content: Message) -> Message:
        """Return the content of an output with the view of a widget only if that is open here."""
        return self.views.prepare(content, self.models)

    def close(self) -> None:
        """Replace all widgets by their text: their kernel has ended, or the notebook left it."""
        with self._changing:
            self._outbox.clear()
            for text in self.views.replace_all():
                self._publish("update_display_data", text, self._kernel.get_parent())
            for id_ in list(self._comms):
                self._close(id_)

    def _route(self, message: Message) -> None:
        if self._carrier:
            self._carrier.put({**message, "channel": CARRIED})
        else:
            self.apply(message)

    def _apply_comm(self, checked: CommMessage, message: Message) -> None:
        id_ = checked.comm_id
        if checked.kind == "comm_open":
            if id_ not in self._comms:
                self._check_models(checked)
                self._open(id_, RemoteModel(checked))
                self._pass_on(checked, message, target_name=TARGET)
        elif id_ not in self._comms:
            return  # opened before this notebook was connected
        elif checked.kind == "comm_close":
            self._close(id_)
        else:
            self._check_models(checked)
            self.models[id_].update(checked)
            self._pass_on(checked, message)

    def _open(self, id_: str, model: RemoteModel) -> None:
        # ipywidgets is imported where a widget is shown.
        from dl_magics.widgets.remote import control

        manager = comm.get_comm_manager()
        if id_ in manager.comms:
            raise CommRefused(f"its id is that of a widget of this notebook: {id_}")
        if len(self._comms) >= _MAX_COMMS:
            raise CommRefused(f"{_MAX_COMMS:,} widgets are open; %gpu_restart closes them")
        control.serve_states(self)
        # Not primary: its peer is opened under the parent of the message.
        opened = comm.create_comm(comm_id=id_, target_name=TARGET, primary=False)
        opened.on_msg(self._hear)
        opened.on_close(self._hear_close)
        manager.register_comm(opened)
        self._comms[id_], self.models[id_] = opened, model

    def _pass_on(self, checked: CommMessage, message: Message, **more: str) -> None:
        """Send a message to the front end."""
        data = checked.data
        if checked.kind == "comm_msg" and "msg_id" in checked.state:
            # An Output widget catches what answers this request: here, that is the local cell.
            cause = self._find_cause(checked.state["msg_id"])
            local_id = cause["header"]["msg_id"] if cause else ""
            data = {**data, "state": {**checked.state, "msg_id": local_id}}
        content = {"comm_id": checked.comm_id, "data": data, **more}
        parent = self._find_parent(message) or self._kernel.get_parent()
        self._publish(checked.kind, content, parent, checked.metadata, checked.buffers)

    def _find_parent(self, message: Message) -> Message | None:
        """Return the local message that caused one of the GPU kernel."""
        return self._find_cause((message.get("parent_header") or {}).get("msg_id"))

    def _find_cause(self, id_: Any) -> Message | None:
        return self._outbox.find_parent(id_) or self._cells.get(id_)

    def _check_models(self, checked: CommMessage) -> None:
        for id_ in find_models(checked.state):
            if id_ != checked.comm_id and id_ not in self.models:
                raise CommRefused(
                    f"it refers to a widget that is not open in this notebook: {id_:.80}. "
                    "Run the cell that creates it again"
                )

    def _close(self, id_: str) -> None:
        closed = self._comms.pop(id_)
        self._forget(id_)
        closed.close()

    def _forget(self, id_: str) -> None:
        self._comms.pop(id_, None)
        self.models.pop(id_, None)
        self.views.forget(id_)

    def _hear(self, message: Message) -> None:
        """Pass on what the front end sends to a widget."""
        id_, data = message["content"]["comm_id"], message["content"]["data"]
        with self._changing:
            if (model := self.models.get(id_)) and data.get("method") == "update":
                buffers = [bytes(each) for each in message.get("buffers") or ()]
                model.update(CommMessage("comm_msg", id_, data, {}, buffers))
        self._outbox.put(message)

    def _hear_close(self, message: Message) -> None:
        with self._changing:
            self._forget(message["content"]["comm_id"])
        self._outbox.put(message)

    def _publish(
        self,
        kind: str,
        content: Message,
        parent: Message,
        metadata: Message | None = None,
        buffers: list[bytes] | None = None,
    ) -> None:
        self._kernel.session.send(
            self._kernel.iopub_socket,
            kind,
            content,
            metadata=metadata,
            parent=parent,
            ident=kind.encode(),
            buffers=buffers,
        )

    def _note(self, text: str) -> None:
        """Print a line, the same one once only."""
        if text not in self._noted:
            self._noted.add(text)
            print(text, file=sys.stderr, flush=True)

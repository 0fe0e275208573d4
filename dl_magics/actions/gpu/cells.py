"""Cells on the GPU kernel: variables in, the cell, variables out; also in the background."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dl_magics.actions.gpu import remote_call
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.core.serialization import value_file
from dl_magics.errors import NoSuchRun
from dl_magics.gpu_kernel.requests.pending_request import Message
from dl_magics.ssh import blocking, sftp
from dl_magics.store import state

_ROOM = ".dl_magics/values"
_KEPT = 20


def send_values(kernel: NotebookKernel, given: Mapping[str, Any]) -> None:
    """Put named values into the GPU kernel's namespace."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.zip"
        value_file.write_values(file, given)
        path = blocking.wait_for(sftp.upload_file(kernel.host.resolve_target(), file, _ROOM))
    remote_call.call_function(kernel, value_file.load_into_namespace, path=path, wanted=list(given))


def fetch_values(
    kernel: NotebookKernel, wanted: list[str], namespace: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values that the wanted names have in the GPU kernel, and nothing else of it.

    Named tuples get the class of that name in `namespace`, if it has the same fields.
    """
    path = f"{_ROOM}/{uuid.uuid4().hex}.zip"
    remote_call.call_function(
        kernel,
        value_file.save_from_namespace,
        wanted=wanted,
        path=f"~/{path}",
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.zip"
        blocking.wait_for(sftp.download_file(kernel.host.resolve_target(), path, file, remove=True))
        return value_file.read_values(file, wanted, namespace)


def run_in_background(kernel: NotebookKernel, cell: str) -> str:
    """Send a cell without waiting for it; return its message id, which identifies its output."""
    since = kernel.client.n
    msg_id = kernel.client.execute(cell).id
    remember_cell(kernel, msg_id, since, cell)
    return msg_id


def remember_cell(kernel: NotebookKernel, msg_id: str, since: int, cell: str) -> None:
    """Make a cell the newest one in the background; it was sent after entry `since`."""
    line = cell.strip().partition("\n")[0][:60]
    sent = state.BackgroundCell(msg_id=msg_id, since=since, cell=line)
    state.add_background_cell(kernel.id, sent, keep=_KEPT)


def interrupt_running(kernel: NotebookKernel) -> str:
    """Interrupt the cell that runs; return what was interrupted, and what runs next."""
    client, name = kernel.client, kernel.host.name
    running = client.unfinished_cells
    if not running and client.state != "busy":
        return f"No cell is running on {name}."
    client.interrupt(running[0] if running else None)
    what = str(running[0]) if running else "The cell that runs"
    done = (
        f"{what} on {name} was interrupted."
        if client.link.status.state == "attached"
        else f"{what} on {name} is interrupted when the connection is back."
    )
    return f"{done} {running[1]} runs next." if len(running) > 1 else done


def follow_output(
    kernel: NotebookKernel, number: int, late: Callable[[Message], object]
) -> Iterator[Message]:
    """Yield all messages of a background cell; 1 is the newest cell.

    `late` is called with those that come after the end of the cell and of the iteration.

    Raises
    ------
    NoSuchRun
        If there is no such cell.
    """
    sent = state.read().background_cells.get(kernel.id, ())
    if not sent:
        raise NoSuchRun(
            "No cell was run in the background on this GPU kernel.",
            fix="%%gpu --background runs one; %gpu_log shows what other cells printed.",
        )
    if not 1 <= number <= len(sent):
        raise NoSuchRun(
            f"There is no background cell {number}: the GPU kernel has 1 (the newest) to "
            f"{len(sent)}.",
            fix="%gpu_output shows the newest one; %gpu_log shows earlier cells.",
        )
    cell = sent[-number]
    yield from kernel.client.resume(cell.msg_id, cell.since, late)

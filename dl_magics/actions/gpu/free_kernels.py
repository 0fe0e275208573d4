"""GPU kernels of notebooks that do not run any more: offered in words, never shared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

from dl_magics.actions.gpu import kernel_records
from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import NoSuchInstance, NotConnected, WrongState
from dl_magics.store import notebook_session, state
from dl_magics.store.notebook_session import NotebookSession
from dl_magics.store.state import KernelRecord, State

_SHOWN = 3


def find_free(session: NotebookSession) -> dict[str, KernelRecord]:
    """Return the GPU kernels that no running notebook has, by id.

    Those of the same folder come first, then the ones that were used last.
    """
    free = [
        (kernel_id, record)
        for kernel_id, record in state.read().kernels.items()
        if record.notebook != session.name and not notebook_session.is_running(record.notebook)
    ]
    free.sort(key=lambda each: (each[1].folder != session.folder, -each[1].used_at))
    return dict(free)


def describe_free(session: NotebookSession, alias: str = "") -> str:
    """Return the lines that take over GPU kernels of earlier notebooks, at most three, or "".

    `alias` restricts them to one host. Those that ended with their instance are not offered.
    """
    lines = (
        f"%gpu_connect --take-over {kernel_id} ({record.title} on {record.host['name']}, "
        f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(record.used_at))})"
        for kernel_id, record in _list_alive(session, alias)
    )
    return " · ".join(islice(lines, _SHOWN))


def offer_free(alias: str) -> str:
    """Return the line for a notebook that has just started a GPU kernel beside others, or ""."""
    free = describe_free(notebook_session.current(), alias)
    return f"GPU kernels of earlier notebooks may still hold GPU memory: {free}" if free else ""


def claim(session: NotebookSession, word: str) -> tuple[str, KernelRecord]:
    """Make the GPU kernel with this id that of `session`; return its id and its new record.

    Raises
    ------
    NotConnected
        where there is no such GPU kernel, or its notebook runs.
    WrongState, NoSuchInstance
        where its instance does not run.
    """
    claimed: list[tuple[str, KernelRecord]] = []
    kernel_id = word or next(_list_alive(session), ("",))[0]
    if named := state.read().kernels.get(word):
        # After a stop and a start it has no variables, but its journal.
        start = kernel_records.read_start(SshHost.from_json(named.host))
        if isinstance(start, (WrongState, NoSuchInstance)):
            raise start

    def change(before: State) -> State:
        record = before.kernels.get(kernel_id)
        if not record:
            raise NotConnected(
                f"There is no GPU kernel {word} of another notebook."
                if word
                else "There is no GPU kernel of an earlier notebook.",
                fix=describe_free(session) or "%gpu_connect starts one.",
            )
        if record.notebook != session.name and notebook_session.is_running(record.notebook):
            raise NotConnected(
                f"The GPU kernel {kernel_id} is in use: {record.title} runs.",
                fix="Shut that notebook's kernel down first, or start another one: %gpu_connect",
            )
        taken = replace(
            record,
            notebook=session.name,
            title=session.title,
            folder=session.folder,
            connected=True,
            taken_from=record.notebook,
            used_at=time.time(),
        )
        claimed.append((kernel_id, taken))
        others = state.disconnect_notebook(before, session.name)
        return replace(others, kernels={**others.kernels, kernel_id: taken})

    state.update(change)
    return claimed[0]


def explain_not_connected(session: NotebookSession) -> NotConnected:
    """Return the error that says why a notebook has no GPU kernel, and how to get one."""
    if lost := _describe_lost(session):
        return NotConnected(lost, fix="%gpu_connect connects it to a GPU kernel of its own.")
    free = describe_free(session)
    return NotConnected(
        "No GPU kernel is connected to this notebook.",
        fix=f"%gpu_connect · to continue with an earlier one: {free}" if free else "%gpu_connect",
    )


def check_local(session: NotebookSession) -> None:
    """Check that a notebook without a GPU kernel may train on this computer.

    Raises
    ------
    NotConnected
        where it was connected, and did not end the connection itself.
    """
    lost = _describe_lost(session)
    if lost:
        raise NotConnected(
            lost,
            fix="%gpu_connect, then run the cell again · to train on this computer: "
            "%gpu_disconnect, then run the cell again",
        )


def give_up(session: NotebookSession) -> None:
    """Let a notebook train on this computer although another one has its GPU kernel."""
    if not _describe_lost(session):
        return

    def change(before: State) -> State:
        kernels = {
            kernel_id: replace(each, taken_from="") if each.taken_from == session.name else each
            for kernel_id, each in before.kernels.items()
        }
        return replace(before, kernels=kernels)

    state.update(change)
    notebook_session.forget_file(session)


def _describe_lost(session: NotebookSession) -> str:
    for record in state.read().kernels.values():
        if session.shared_file == record.notebook and record.connected:
            return (
                f"{record.title} is open in another kernel too, which has the GPU kernel on "
                f"{record.host['name']}; it is not shared."
            )
        if record.taken_from == session.name:
            return (
                f"The GPU kernel of this notebook on {record.host['name']} was taken over by "
                f"{record.title}."
            )
    return ""


def _list_alive(session: NotebookSession, alias: str = "") -> Iterator[tuple[str, KernelRecord]]:
    """Yield what `find_free` returns, without the GPU kernels that ended with their instance."""
    read_start = cache(kernel_records.read_start)
    for kernel_id, record in find_free(session).items():
        host = SshHost.from_json(record.host)
        if alias in ("", host.alias) and not kernel_records.find_end(record, read_start(host)):
            yield kernel_id, record

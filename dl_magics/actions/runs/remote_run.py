"""A run that trains on an instance: its log comes home event by event, its model at the end.

The folder of the run here holds `there.json`, which leads back to it after anything: another
cell, another kernel, another day. One process at a time brings events home; the others read the
log that it writes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.actions.gpu import remote_call
from dl_magics.actions.gpu.host import Way
from dl_magics.errors import DamagedRun, DLMagicsError, KernelDied, NoAnswer, WrongState
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.runs import log, report
from dl_magics.runs.events import Event, RunEnded, parse_event
from dl_magics.runs.state import RunState, replay_events
from dl_magics.ssh import sftp
from dl_magics.ssh.target import SshTarget
from dl_magics.store import atomic
from dl_magics.training import load_check
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.kernel_entry import EVENT, KERNEL_FILE_NAME
from dl_magics.training.run import THERE


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Where a run trains: the way, the GPU kernel, the cell, the run's folder there.

    It is `cut` when its kernel ended in the middle, and `over` when all it told is here.
    """

    way: Mapping[str, Any]
    python: str
    activate: str
    kernel: str
    msg_id: str
    since: int
    folder: str
    cut: bool = False
    over: bool = False

    def login(self) -> SshTarget:
        """Return how to log in where it trains."""
        return Way(**self.way).login()

    def attach(self) -> GpuKernel:
        """Return the GPU kernel that trains, with a link of its own."""
        find = Way(**self.way).login_again
        return GpuKernel.attach(find, self.kernel, self.python, activate=self.activate)


def note(folder: Path, there: There) -> None:
    """Remember where the run of this folder trains."""
    atomic.replace(folder / THERE, json.dumps(asdict(there), indent=2) + "\n")


def take(folder: Path, way: Way) -> None:
    """Take over what a run there says of itself: it was begun on another computer."""
    try:
        said = json.loads((folder / KERNEL_FILE_NAME).read_text(encoding="utf-8"))
        note(folder, There(way=way.to_json(), **said))
    except (ValueError, TypeError) as error:
        raise DamagedRun(
            f"{KERNEL_FILE_NAME} of {folder.name} on {way.name} cannot be read: {error}",
            fix=f"Its files can be fetched: %sync down .dl_magics/runs/{folder.name}",
        ) from error


def of(folder: Path) -> There | None:
    """Return where the run of this folder trains; None if it is here."""
    try:
        return There(**json.loads((folder / THERE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DamagedRun(
            f"{folder / THERE} cannot be read: {error}",
            fix="Move the folder of this run away; the other runs are not touched.",
        ) from error


def follow(folder: Path, kernel: GpuKernel) -> Generator[Event, None, None]:
    """Write the events that come into the log here and yield them; fetch the model at the end.

    What came already is not yielded again.

    Raises
    ------
    KernelDied
        where the GPU kernel ended in the middle; what it had written on its disk is fetched first.
    NotLoadable
        at the end, where the Keras here cannot load the model that came.
    """
    there = of(folder)
    if there is None:
        return
    state = replay_events(log.read_events(folder))
    arrived: set[str] = set()
    if state.ended:
        arrived |= _come_home(there, folder, state)
    with log.LogWriter(folder) as lines, closing(_events(there, kernel, folder)) as coming:
        for event in coming:
            if event.n <= state.n:
                continue
            lines.append(event)
            state = state.apply(event)
            if isinstance(event, RunEnded):
                arrived |= _come_home(there, folder, state)
            yield event
    if MODEL in arrived:
        load_check.check_loads(folder / MODEL, state.versions)


def settle(folder: Path, state: RunState) -> None:
    """Fetch what a run made that ended there."""
    if there := of(folder):
        _come_home(there, folder, state)
        note(folder, replace(there, over=True))


def is_over(folder: Path) -> bool:
    """Whether the run of this folder trains there no more, as far as is known here."""
    there = of(folder)
    return there is None or there.over


def _events(there: There, kernel: GpuKernel, folder: Path) -> Generator[Event, None, None]:
    """Yield the events that the journal of the GPU kernel holds, and those still to come."""
    try:
        for message in remote_call.failing(kernel.resume(there.msg_id, there.since)):
            if message["header"]["msg_type"] == EVENT:
                yield parse_event(message["content"])
    except KernelDied:
        note(folder, replace(there, cut=True))
        # Where the instance was stopped, its disk is read when somebody comes back.
        with suppress(NoAnswer, WrongState):
            yield from _left_behind(there)
            note(folder, replace(there, cut=True, over=True))
        raise
    except DLMagicsError:
        note(folder, replace(there, over=True))
        raise
    note(folder, replace(there, over=True))


def _left_behind(there: There) -> Iterator[Event]:
    """Yield the events in the log there: what the kernel wrote last may not be in the journal."""
    with tempfile.TemporaryDirectory() as scratch:
        sftp.download_file(
            there.login(), f"{there.folder}/{log.FILE_NAME}", Path(scratch) / log.FILE_NAME
        )
        yield from log.read_events(Path(scratch))


def _come_home(there: There, folder: Path, state: RunState) -> set[str]:
    """Return the names of the files that were not here yet."""
    arrived = {name for name, sha256 in state.files.items() if _fetch(there, name, sha256, folder)}
    report.write_report(folder, state)
    return arrived


def _fetch(there: There, name: str, sha256: str, folder: Path) -> bool:
    """Fetch a file of the run if it is not here; what arrives damaged is fetched once more."""
    if Path(name).name != name or name in ("", ".."):
        raise DamagedRun(
            f"The run {folder.name} tells of a file that would not lie in its folder: {name}",
            fix="Nothing was fetched. Look at its log there: %aws_ssh ls .dl_magics/runs",
        )
    to = folder / name
    for fetched in (False, True):
        if _sha256(to) == sha256:
            return fetched
        sftp.download_file(there.login(), f"{there.folder}/{name}", to)
    if _sha256(to) != sha256:
        raise DamagedRun(
            f"{name} of {folder.name} arrived twice with another sha256 than it has there.",
            fix=f"%attach {folder.name} fetches it once more.",
        )
    return True


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

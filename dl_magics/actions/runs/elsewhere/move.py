"""Take an interrupted run to another host: its log, its recipe, and its checkpoint if it is here.

The run ends with the numbers of an uninterrupted one there, too: without the checkpoint its head is
trained from the first batch. Its images must be on the other host; they are checked by content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs.copying import remote_events
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import BadData, DLMagicsError, NoSuchInstance, NotResumable
from dl_magics.runs import log
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.ssh.target import SshTarget
from dl_magics.training import recorder
from dl_magics.training.engine import checkpoint

_FILES = (log.FILE_NAME, recorder.RECIPE_FILE_NAME, checkpoint.FILE_NAME)


def check_may_move(run: str, origin: RemoteOrigin, host: SshHost) -> None:
    """Raise NotResumable where the run may go on on another host that is up, and has its log."""
    before = SshHost.from_json(origin.host)
    if before.is_instance and not _is_running(before):
        return
    with suppress(DLMagicsError):  # of one that does not answer it is not known
        if remote_events.find_log(origin) is None:
            return
    typed = quote_name(before.name, before.alias)
    stops = f" · or stop it first: %aws_stop {typed}" if before.is_instance else ""
    raise NotResumable(
        f"The checkpoint of the run {run} is on {before.name}, but this notebook is connected to "
        f"{host.name}.",
        fix=f"%gpu_connect {typed}{stops}",
    )


def describe_move(record: RunRecord) -> str:
    """Return what to type where the disk of the host of a run is gone, and how far it goes back."""
    again = f"%finetune --resume {record.folder.name}"
    if not record.state.started_at:
        again = "run its cell again"
    elif record.state.versions.get("backend") == "theano":
        again = "run its cell again: its features are computed again"
    elif (record.folder / checkpoint.FILE_NAME).is_file():
        again += " continues it from the checkpoint that is here"
    else:
        again += " trains it again, with the same results: its checkpoint was on that disk"
    return f"On another instance that has its images: %gpu_connect NAME, then {again}."


def upload_run(folder: Path, target: SshTarget, run_folder: str) -> None:
    """Put what the run needs into its folder on another host."""
    for name in _FILES:
        if (folder / name).is_file():
            blocking.wait_for(sftp.replace_file(target, folder / name, run_folder))


def find_data(data: str, host: SshHost, target: SshTarget) -> str:
    """Return the path of the images on another host: the same, or the same below its home.

    Raises
    ------
    BadData
        where the host has no such folder.
    """
    for path in _list_candidates(data):
        if found := blocking.wait_for(sftp.resolve_path(target, path)):
            return found
    name = PurePosixPath(data).name
    raise BadData(
        f"{data}, on which the run trains, is not on {host.name}.",
        fix=f"%sync up data/{name} copies it there; then resume the run again.",
    )


def _list_candidates(data: str) -> Iterator[str]:
    """Yield the path, then what may be its part below a home folder, the longest first."""
    yield data
    parts = PurePosixPath(data).parts
    for start in range(1, len(parts)):
        yield str(PurePosixPath(*parts[start:]))


def _is_running(host: SshHost) -> bool:
    try:
        return host.load_context().ec2.describe_instance(host.alias).costs_money
    except NoSuchInstance:
        return False
    except DLMagicsError:
        # It is not known whether the run goes on.
        return True

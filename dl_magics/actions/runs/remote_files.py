"""Fetch the files of a run from its host, each checked against its sha256."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DamagedRun, DLMagicsError
from dl_magics.runs import evaluation
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.report import examples, page
from dl_magics.runs.state import RunState
from dl_magics.ssh import blocking, sftp
from dl_magics.store import private
from dl_magics.store.rooted_folder import RootedFolder
from dl_magics.training.engine import pipeline
from dl_magics.training.theano import engine as theano

_RESULTS = (pipeline.MODEL, theano.MODEL)
# The largest model of keras.applications has 3 GB with the state of its optimizer.
_MAX_BYTES = 32 * 2**30
_EVALUATION = {
    f"{evaluation.FOLDER}/valid.json": evaluation.MOST_BYTES,
    examples.FILE_NAME: examples.MAX_BYTES,
}


def fetch_files(origin: RemoteOrigin, folder: Path, state: RunState) -> set[str]:
    """Fetch the files of a run that has ended, write its report, return the names of new files.

    Raises
    ------
    DamagedRun
        where a file is not one that a run produces, or arrives twice with a wrong sha256.
    """
    fetched = {name for name, sha256 in state.files.items() if _fetch(origin, name, sha256, folder)}
    _fetch_evaluation(origin, folder, state)
    page.write_report(folder, state)
    return fetched


def find_missing(folder: Path, state: RunState) -> str:
    """Return the name of a file that the run saved and that is not here, or not whole; or ""."""
    return next(
        (name for name, sha256 in state.files.items() if _sha256(folder, name) != sha256), ""
    )


def _fetch_evaluation(origin: RemoteOrigin, folder: Path, state: RunState) -> None:
    """Fetch what the model says of the validation images, with pictures; checked, not trusted.

    Without it, or where it is not of this run, the report says how to get it.
    """
    if not state.files:
        return
    with tempfile.TemporaryDirectory() as scratch, suppress(DLMagicsError):
        arrived, target = Path(scratch), SshHost.from_json(origin.host).resolve_target()
        for name, size in _EVALUATION.items():
            path = f"{origin.run_folder}/{name}"
            if blocking.wait_for(sftp.resolve_path(target, path)) is None:
                return
            private.ensure_folder((arrived / name).parent)
            blocking.wait_for(sftp.download_file(target, path, arrived / name, max_bytes=size))
        found = evaluation.read_evaluation(arrived, "valid")
        if found and (found.run, found.classes) == (state.run, state.classes):
            evaluation.write_evaluation(folder, found)
            examples.write_pictures(folder, examples.read_pictures(arrived))


def _fetch(origin: RemoteOrigin, name: str, sha256: str, folder: Path) -> bool:
    """Fetch a file unless it is here, once more if it arrives damaged; return whether it is new."""
    # Any other file in the folder is ours: the log, the recipe, and where the run came from.
    if name not in _RESULTS:
        raise DamagedRun(
            f"The run {folder.name} lists {name!r}, which is not a file that a run produces.",
            fix="Nothing was fetched. Check its log on the host: %aws_ssh ls .dl_magics/runs",
        )
    for is_fetched in (False, True):
        if _sha256(folder, name) == sha256:
            return is_fetched
        blocking.wait_for(
            sftp.download_file(
                SshHost.from_json(origin.host).resolve_target(),
                f"{origin.run_folder}/{name}",
                folder / name,
                max_bytes=_MAX_BYTES,
            )
        )
    if _sha256(folder, name) != sha256:
        raise DamagedRun(
            f"{name} of the run {folder.name} arrived twice with a wrong sha256.",
            fix=f"Fetch it again: %attach {folder.name}",
        )
    return True


def _sha256(folder: Path, name: str) -> str:
    """Return the sha256 of a file; "" where there is none, or a link in its place."""
    with suppress(OSError), RootedFolder(folder) as root, root.open_to_read(name.encode()) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""

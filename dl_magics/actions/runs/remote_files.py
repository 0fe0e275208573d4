"""Fetch the files of a run from its host, each checked against its sha256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DamagedRun
from dl_magics.runs import report
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import RunState
from dl_magics.ssh import blocking, sftp


def fetch_files(origin: RemoteOrigin, folder: Path, state: RunState) -> set[str]:
    """Fetch the files of a run that has ended, write its report, return the names of new files.

    Raises
    ------
    DamagedRun
        where a file would lie outside the folder, or arrives twice with a wrong sha256.
    """
    fetched = {name for name, sha256 in state.files.items() if _fetch(origin, name, sha256, folder)}
    report.write_report(folder, state)
    return fetched


def _fetch(origin: RemoteOrigin, name: str, sha256: str, folder: Path) -> bool:
    """Fetch a file unless it is here, once more if it arrives damaged; return whether it is new."""
    if Path(name).name != name or name in ("", ".."):
        raise DamagedRun(
            f"The run {folder.name} lists a file outside its folder: {name!r}",
            fix="Nothing was fetched. Check its log on the host: %aws_ssh ls .dl_magics/runs",
        )
    path = folder / name
    for is_fetched in (False, True):
        if _sha256(path) == sha256:
            return is_fetched
        blocking.wait_for(
            sftp.download_file(
                SshHost.from_json(origin.host).resolve_target(), f"{origin.run_folder}/{name}", path
            )
        )
    if _sha256(path) != sha256:
        raise DamagedRun(
            f"{name} of the run {folder.name} arrived twice with a wrong sha256.",
            fix=f"Fetch it again: %attach {folder.name}",
        )
    return True


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

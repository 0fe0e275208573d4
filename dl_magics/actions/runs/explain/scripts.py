"""What `%runs` and `%attach` read and delete on this computer, as lines of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import deletion, runs
from dl_magics.runs import log
from dl_magics.store import paths


def list_script(deleted: Sequence[str]) -> Script:
    """Return what `%runs` reads, or deletes."""
    if deleted:
        folders = (run.path for run in deletion.find_runs(deleted))
        return Script("\n".join(f"rm -r {shlex.quote(str(path))}" for path in folders))
    there = "; the connected host is asked over SFTP for the names of its runs"
    asks = there if notebook_kernel.is_connected() else ""
    folder = paths.data_folder("runs")
    return Script(comment(f"reads {folder}{asks}"))


def watch_script(part: str) -> Script:
    """Return what `%attach` reads."""
    is_here = any(part in run.name for run in runs.list_local_runs())
    if not is_here and notebook_kernel.is_connected():
        return Script(comment("fetches the run from the connected host over SFTP, then shows it"))
    path = runs.find_run(part).path / log.FILE_NAME
    return Script(f"tail -n +1 -f {shlex.quote(str(path))}")

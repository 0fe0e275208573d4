"""What `%runs` and `%attach` read, write and delete, as lines of a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import deletion, runs
from dl_magics.actions.runs.sharing import export
from dl_magics.errors import BadData
from dl_magics.runs import log, remote_origin, stop_request, tag
from dl_magics.store import paths
from dl_magics.training import explain
from dl_magics.training.engine import checkpoint, pipeline, resume_point
from dl_magics.training.run import Run


def list_script(
    deleted: Sequence[str], compared: Sequence[str], tagged: Sequence[str], exported: Sequence[str]
) -> Script:
    """Return what `%runs` reads, writes or deletes."""
    if deleted:
        return Script("\n".join(deletion.list_commands(deletion.plan_deletion(deleted))))
    if compared:
        logs = [str(runs.find_run(name).path / log.FILE_NAME) for name in compared]
        return Script(comment(f"reads {', '.join(logs)} and the evaluations beside them"))
    if tagged:
        path, words = runs.find_run(tagged[0]).path, " ".join(tagged[1:])
        return Script(f"echo {shlex.quote(words)} > {shlex.quote(str(path / tag.FILE_NAME))}")
    if exported:
        planned = export.plan_export(*exported)
        folder, file = planned.run.path, planned.file.absolute()
        names = (shlex.quote(f"{folder.name}/{name}") for name in export.list_names(planned.run))
        return Script(
            f"cd {shlex.quote(str(folder.parent))}\nzip {shlex.quote(str(file))} {' '.join(names)}"
        )
    there = "; the connected host is asked over SFTP for the names of its runs"
    asks = there if notebook_kernel.is_connected() else ""
    folder = paths.data_folder("runs")
    return Script(comment(f"reads {folder}{asks}"))


def watch_script(part: str, *, stop: bool = False) -> Script:
    """Return what `%attach` reads; with `stop` the request that it leaves for the run before."""
    is_here = any(part in run.name for run in runs.list_local_runs())
    if not is_here and notebook_kernel.is_connected():
        return Script(comment("fetches the run from the connected host over SFTP, then shows it"))
    folder = runs.find_run(part).path
    asks = [f"touch {shlex.quote(str(folder / stop_request.FILE_NAME))}"] if stop else []
    return Script("\n".join([*asks, f"tail -n +1 -f {shlex.quote(str(folder / log.FILE_NAME))}"]))


def resume_script(run: Run, where: str) -> Script:
    """Return what `%finetune --resume` reads and writes, and plain Keras code of its recipe.

    `where` is the sentence that says where it trains. Raises NotResumable as the magic does.
    """
    resumed = resume_point.load_resume_point(run.record)
    standing = resumed.checkpoint.standing if resumed.checkpoint else None
    since = "its first batch"
    if standing and (standing.epoch, standing.batches) != (1, 0):
        since = f"epoch {standing.epoch}, behind its batch {standing.batches}"
    origin = remote_origin.load(run.path)
    folder = origin.run_folder if origin else str(run.path)
    lines = [
        f"# {where}",
        comment(f"reads {folder}/{checkpoint.FILE_NAME}, and trains on from {since}"),
        comment(f"appends to {folder}/{log.FILE_NAME}, and saves {folder}/{pipeline.MODEL}"),
    ]
    with suppress(BadData):
        code = explain.write_script(resumed.recipe)
        lines += ["# Plain Keras keeps no such checkpoint. From the beginning it is:", "", code]
    return Script("\n".join(lines))


def try_rates_script(part: str) -> Script:
    """Return what `%lr_find` reads."""
    run = runs.find_run(part)
    origin = remote_origin.load(run.path)
    where = f"on {origin.host['name']}" if origin else "on this computer"
    return Script(
        comment(f"reads the features of {run.name} {where}, and trains a new head on them")
    )

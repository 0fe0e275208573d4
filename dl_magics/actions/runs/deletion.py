"""Delete runs, each by its full name: of this computer, or those that are only on a host."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field

from dl_magics.actions.aws.explain.shell import comment
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import overview, remote_run, remote_runs, runs
from dl_magics.actions.runs.remote_runs import RemoteRuns
from dl_magics.actions.runs.run_table import format_size, measure_size
from dl_magics.errors import CannotChange, DLMagicsError, NoSuchRun, WrongState
from dl_magics.remote_code import runner
from dl_magics.runs import remote_origin
from dl_magics.ssh import blocking
from dl_magics.training.run import Run
from dl_magics.training.storage import clearing

_KEPT = "The features of their images are kept."


@dataclass(frozen=True, slots=True)
class Deletion:
    """The runs of this computer to delete, and those that are only on the connected host."""

    runs: tuple[Run, ...]
    remote: RemoteRuns = field(default_factory=RemoteRuns)

    @property
    def question(self) -> str:
        """The question that names what would be deleted."""
        parts = []
        if self.runs:
            names = ", ".join(run.name for run in self.runs)
            size = format_size(sum(map(measure_size, self.runs)))
            count = len(self.runs)
            what = "this run" if count == 1 else f"these {count} runs"
            origins = [remote_origin.load(run.path) for run in self.runs]
            hosts = {origin.host["name"] for origin in origins if origin}
            kept = f"; what is on {', '.join(sorted(hosts))} stays there" if hosts else ""
            parts.append(f"delete {what} with model and report, {size}: {names}{kept}")
        if self.remote.names:
            names = ", ".join(self.remote.names)
            parts.append(
                f"delete on {self.remote.host}, where the only copy is, with model and report: "
                f"{names}"
            )
        text = "; and ".join(parts)
        return text[0].upper() + text[1:]


def plan_deletion(names: Sequence[str]) -> Deletion:
    """Return the runs with exactly these names; those that are here are deleted here only.

    Raises
    ------
    NoSuchRun
        where there is none of a name.
    WrongState
        where one is running.
    CannotChange
        where the folder of one is a symbolic link.
    """
    found: list[Run] = []
    missing: dict[str, NoSuchRun] = {}
    for name in dict.fromkeys(names):
        try:
            found.append(Run(overview.find_folder(name)))
        except NoSuchRun as error:
            missing[name] = error
    for run in found:
        _check_deletable(run)
    remote = remote_runs.list_remote_runs() if missing else RemoteRuns()
    for name, unknown in missing.items():
        if name not in remote.names:
            raise unknown
    return Deletion(tuple(found), RemoteRuns(remote.host, tuple(missing)))


def delete_runs(planned: Deletion) -> str:
    """Delete the folders of the runs; return a sentence about it.

    Raises
    ------
    WrongState
        where one is running now; on the host, the others are deleted.
    CannotChange
        where a folder cannot be deleted.
    """
    deleted: dict[str, int] = {}
    lines = []
    try:
        for run in planned.runs:
            deleted[run.name] = _delete_here(run)
        if planned.remote.names:
            lines.append(_delete_on_host(planned.remote))
    except DLMagicsError as error:
        if not deleted:
            raise
        raise type(error)(f"{error} {_describe_deleted(deleted)}", fix=error.fix) from error
    if deleted:
        lines.insert(0, _describe_deleted(deleted))
    return " ".join([*lines, _KEPT])


def list_commands(planned: Deletion) -> list[str]:
    """Return the same as lines of a shell."""
    here = [f"rm -r {_quote(run)}" for run in planned.runs]
    there = [f"rm -r ~/{remote_run.RUNS}/{shlex.quote(name)}" for name in planned.remote.names]
    return [*here, *(comment(f"on {planned.remote.host}: {line}") for line in there)]


def _delete_here(run: Run) -> int:
    """Delete the folder of a run; return its bytes."""
    # While the question waited, another notebook may have resumed it.
    _check_deletable(run)
    size = measure_size(run)
    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise CannotChange(
            f"The run {run.name} was not deleted completely: {error.filename or run.path}: "
            f"{error.strerror or error}.",
            fix=f"Check the permissions, then delete what is left: !rm -r {_quote(run)}",
        ) from error
    return size


def _check_deletable(run: Run) -> None:
    if run.path.is_symlink():
        raise CannotChange(
            f"The folder of the run {run.name} is a symbolic link to {run.path.resolve()}; it is "
            "not deleted.",
            fix=f"Remove the link, which leaves that folder as it is: !rm {_quote(run)}",
        )
    if runs.is_going_on(run):
        raise _is_running(run.name)


def _describe_deleted(sizes: dict[str, int]) -> str:
    return f"Deleted: {', '.join(sizes)} ({format_size(sum(sizes.values()))})."


def _quote(run: Run) -> str:
    return shlex.quote(str(run.path))


def _delete_on_host(remote: RemoteRuns) -> str:
    kernel = notebook_kernel.current()
    target = kernel.host.resolve_target()
    names = {"names": list(remote.names)}
    done = blocking.wait_for(runner.run(target, kernel.python, clearing.clear_runs, names))
    if done["kept"]:
        raise _is_running(", ".join(map(str, done["kept"])))
    size = format_size(int(done["freed"]))
    return f"Deleted on {remote.host}: {', '.join(remote.names)} ({size})."


def _is_running(name: str) -> WrongState:
    return WrongState(
        f"The run {name} is running.",
        fix=f"Stop it first: %attach {name} --stop",
    )

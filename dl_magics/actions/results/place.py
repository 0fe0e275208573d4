"""Where the images of a run are looked at: on this computer, or on the host that trained it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dl_magics.actions.data.host_call import call_on_host
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import runs
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import (
    DLMagicsError,
    NoSuchInstance,
    NoSuchRun,
    NotTrained,
    TrainingFailed,
    WrongState,
)
from dl_magics.remote_code.runner import Progress
from dl_magics.runs import remote_origin
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh.target import SshTarget
from dl_magics.training.run import Run

# The GPU kernel of the host may hold the memory of the GPU.
_SHARE_GPU = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


@dataclass(frozen=True, slots=True)
class ResultPlace:
    """A run, and the host that has its images; without `origin` they are on this computer.

    `data` is where its images are now, "" where the run found them. `again` is the line of the
    magic that looks at them, where it takes --data.
    """

    run: Run
    data: str = ""
    origin: RemoteOrigin | None = None
    again: str = ""

    @property
    def host(self) -> str:
        """The name of the host; "" is this computer."""
        return str(self.origin.host["name"]) if self.origin else ""

    @property
    def folder(self) -> str:
        """The folder of the run where its images are."""
        return f"~/{self.origin.run_folder}" if self.origin else str(self.run.path)

    def call(
        self,
        function: Callable[..., Mapping[str, Any]],
        *,
        progress: Progress | None = None,
        **arguments: Any,
    ) -> Any:
        """Call a function of `requests` where the images are; return its JSON values.

        A function that reports how far it is gets `progress`. On a host it runs again without the
        GPU where what else uses that left no memory.
        """
        if not self.origin:
            return function(**arguments, **({"progress": progress} if progress else {}))
        try:
            return self._call_on_host(function, arguments, progress, _SHARE_GPU)
        except TrainingFailed:
            return self._call_on_host(function, arguments, progress, _NO_GPU)

    def _call_on_host(
        self,
        function: Callable[..., Mapping[str, Any]],
        arguments: Mapping[str, Any],
        progress: Progress | None,
        variables: Mapping[str, str],
    ) -> Any:
        assert self.origin
        return call_on_host(
            self._resolve_target(),
            self.origin.python,
            function,
            arguments,
            activate=self.origin.activate,
            variables=variables,
            progress=progress,
        )

    def explain_ended(self) -> str:
        """Return the sentence that says why its host cannot be used, "" where it may be."""
        try:
            self._resolve_target()
        except (WrongState, NoSuchInstance) as error:
            return str(error)
        except DLMagicsError:
            return ""
        return ""

    def _resolve_target(self) -> SshTarget:
        """Return how to connect to its host; where that has ended, say what needs no host."""
        assert self.origin
        host = SshHost.from_json(self.origin.host)
        try:
            return host.resolve_target()
        except (WrongState, NoSuchInstance) as error:
            if not self.again:
                raise
            folder = shlex.quote(_find_on_this_computer(self.run) or "FOLDER")
            fix = f"{self.again} --data {folder} uses the images of this computer"
            if _can_start(host):
                typed = quote_name(host.name, host.alias)
                fix += f" · on {host.name}: %aws_start {typed}, then repeat"
            raise type(error)(str(error), fix=fix) from error


def _can_start(host: SshHost) -> bool:
    with suppress(DLMagicsError):
        return not host.load_context().ec2.describe_instance(host.alias).gone
    return False


def _find_on_this_computer(run: Run) -> str:
    """Return the folder of this computer that is named as that on the host, "" without one."""
    parts = PurePosixPath(str(run.state.recipe.get("data", ""))).parts[1:]
    candidates = (str(PurePosixPath(*parts[n:])) for n in range(len(parts)))
    return next((each for each in candidates if Path(each).is_dir()), "")


def find_result(part: str = "", *, data: str = "", again: str = "") -> ResultPlace:
    """Return the run with this name or a part of it, and where its images are.

    Without a name it is the newest one that has a model; `data` names a folder of this computer,
    `again` is the line that takes it.

    Raises
    ------
    NoSuchRun
        where there is no such run.
    NotTrained
        where it has no model.
    """
    run = runs.find_run(part) if part else _find_newest()
    if not run.has_model:
        run.find_model()  # says why
    return ResultPlace(run, data, None if data else remote_origin.load(run.path), again)


def list_names() -> list[str]:
    """Return the names of the runs of this computer that have a model, newest first."""
    return [run.name for run in runs.list_local_runs() if run.has_model]


def _find_newest() -> Run:
    listed = runs.list_local_runs()
    for run in listed:
        if run.has_model:
            return run
    if not listed:
        raise NoSuchRun("There are no runs yet.", fix="%%finetune data/dogscats creates one.")
    newest = listed[0]
    raise NotTrained(
        f"No run has a model yet; the newest, {newest.name}, is {newest.status}.",
        fix=f"%attach {newest.name} shows it.",
    )

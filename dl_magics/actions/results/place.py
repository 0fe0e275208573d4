"""Where the images of a run are looked at: on this computer, or on the host that trained it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.data.host_call import call_on_host
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import runs
from dl_magics.errors import NoSuchRun, NotTrained, TrainingFailed
from dl_magics.remote_code.runner import Progress
from dl_magics.runs import remote_origin
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.training.run import Run

# The GPU kernel of the host may hold the memory of the GPU.
_SHARE_GPU = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


@dataclass(frozen=True, slots=True)
class ResultPlace:
    """A run, and the host that has its images; without `origin` they are on this computer.

    `data` is where its images are now, "" where the run found them.
    """

    run: Run
    data: str = ""
    origin: RemoteOrigin | None = None

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
            SshHost.from_json(self.origin.host).resolve_target(),
            self.origin.python,
            function,
            arguments,
            activate=self.origin.activate,
            variables=variables,
            progress=progress,
        )


def find_result(part: str = "", *, data: str = "") -> ResultPlace:
    """Return the run with this name or a part of it, and where its images are.

    Without a name it is the newest one that has a model; `data` names a folder of this computer.

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
    return ResultPlace(run, data, None if data else remote_origin.load(run.path))


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

"""Train in the GPU kernel of a remote host: check what it needs, send the request, copy the events.

The engine, the events and the errors are those of a local run.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dl_magics.actions.data import place
from dl_magics.actions.gpu import notebook_kernel, remote_call
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.actions.runs import remote_run
from dl_magics.actions.runs.copying import remote_events
from dl_magics.actions.runs.elsewhere import move
from dl_magics.actions.runs.models import own_model
from dl_magics.actions.runs.place import describe_host
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import (
    DLMagicsError,
    KernelDied,
    NoSuchRun,
    OutputLost,
    WeightsNotFound,
    WrongState,
)
from dl_magics.runs import remote_origin, stop_request
from dl_magics.runs.events import Event, RunEnded
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.store import paths
from dl_magics.training import kernel_entry, recorder
from dl_magics.training.engine import resume_point
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights

_WEIGHTS = ".dl_magics/weights"

Stop = Callable[[], bool]
Events = Generator[Event, None, None]


def start_run(
    kernel: NotebookKernel, host: Mapping[str, Any], recipe: Recipe, folder: Path, stop: Stop
) -> Events:
    """Train a recipe in the GPU kernel; yield its events as they are copied to `folder`.

    `host` describes it in the events.
    The data and the weights are looked for on the host first. The run keeps training there if this
    process ends; `runs.follow` continues to copy its events.
    """
    data = place.find_data(kernel, recipe.data)
    _leave_if(stop)
    remote_recipe = own_model.provide_on_host(kernel, replace(recipe, data=data))
    _leave_if(stop)
    remote_recipe = replace(remote_recipe, weights=_provide_weights(kernel, remote_recipe))
    _leave_if(stop)
    recorder.write_recipe(folder, remote_recipe.to_json())
    yield from _train(kernel, host, remote_recipe, RunRecord(folder), stop, resume=False)


def resume_run(record: RunRecord, stop: Stop) -> Events:
    """Resume a run on the host where it was interrupted; yield the events that are new here.

    Where its instance has ended, it is resumed on the host that is connected instead. Raises
    NotResumable where another host is connected and the first one is up, or as `load_resume_point`
    does.
    """
    # What is on a stopped instance, or cannot be read, is computed again.
    with suppress(KernelDied, NoSuchRun, OutputLost, WrongState):
        yield from remote_run.copy_rest(record, stop)
    if not record.state.started_at and not remote_origin.is_complete(record.folder):
        notebook_kernel.current()  # raises: how far the run came is known on its host only
    recipe = resume_point.load_resume_point(record).recipe
    kernel = notebook_kernel.current()
    origin = remote_origin.load(record.folder)
    if origin and (
        origin.host["alias"] != kernel.host.alias or remote_events.find_log(origin) is None
    ):
        recipe = _move(kernel, recipe, record, origin)
    host = describe_host(kernel.host)
    _leave_if(stop)
    # One from before the interruption is out of date.
    stop_request.clear_request(record.folder)
    yield from _train(kernel, host, recipe, record, stop, resume=True)


def _move(
    kernel: NotebookKernel, recipe: Recipe, record: RunRecord, origin: RemoteOrigin
) -> Recipe:
    """Take an interrupted run to the host of a kernel that lacks it; return its recipe there."""
    move.check_may_move(record.folder.name, origin, kernel.host)
    target = kernel.host.resolve_target()
    moved = replace(recipe, data=move.find_data(recipe.data, kernel.host, target))
    moved = own_model.provide_on_host(kernel, moved)
    moved = replace(moved, weights=_provide_weights(kernel, moved))
    move.upload_run(record.folder, target, f"{remote_run.RUNS}/{record.folder.name}")
    return moved


def _train(
    kernel: NotebookKernel,
    host: Mapping[str, Any],
    recipe: Recipe,
    record: RunRecord,
    stop: Stop,
    *,
    resume: bool,
) -> Events:
    """Send the request that trains, remember it in the run's folder, and copy its events."""
    folder = record.folder
    where: dict[str, Any] = {
        "python": kernel.python,
        "activate": kernel.activate,
        "kernel_folder": kernel.run_dir,
        "since": kernel.client.n,
        "run_folder": f"{remote_run.RUNS}/{folder.name}",
    }
    arguments = {
        "recipe": recipe.to_json(),
        "run": folder.name,
        "host": dict(host),
        "resume": resume,
        "origin": where,
    }
    cell = remote_call.build_cell(kernel, kernel_entry.run_recipe, arguments)
    request = kernel.client.execute(cell, store_history=False, title="%%finetune")
    origin = RemoteOrigin(host=kernel.host.to_json(), msg_id=request.id, **where)
    remote_origin.save(folder, origin)
    try:
        yield from remote_run.catch_up(record, origin, kernel.client, stop)
    except KernelDied as error:
        # The log is left open for a resumed run; the caller gets the status.
        n = record.refresh().n
        yield RunEnded(n=n + 1, t=time.time(), status="interrupted")
        raise KernelDied(str(error), fix=_how_to_resume(kernel.host, record)) from error


def _leave_if(stop: Stop) -> None:
    """Raise KeyboardInterrupt where a stop was requested before the run is sent to the host."""
    if stop():
        raise KeyboardInterrupt


def _how_to_resume(host: SshHost, record: RunRecord) -> str:
    with suppress(DLMagicsError):  # where AWS does not answer, it may run again
        if host.is_terminated():
            return move.describe_move(record)
    connect = f"%gpu_connect {quote_name(host.name, host.alias)}, then"
    if not record.state.started_at:
        return f"{connect} run the cell again."
    if record.state.versions.get("backend") == "theano":
        return f"{connect} run the cell again: its features are kept there."
    return f"Resume it from its last checkpoint: {connect} %finetune --resume {record.folder.name}"


def _provide_weights(kernel: NotebookKernel, recipe: Recipe) -> str | None:
    """Put the weights of a recipe on the host; return the `weights` of the recipe there.

    Its data are checked first, before the host imports Keras.
    The host downloads ImageNet weights itself; where it cannot, those of this computer are copied.
    """
    target = kernel.host.resolve_target()
    arguments = {"recipe": recipe.to_json()}
    if recipe.weights not in (None, "imagenet"):
        remote_call.call_function(kernel, kernel_entry.prepare_run, **arguments)
        file = Path(recipe.weights).expanduser()
        if not file.is_file():
            return recipe.weights
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return blocking.wait_for(
            sftp.upload_once(target, file, _WEIGHTS, name=f"{sha256[:12]}-{file.name}")
        )
    try:
        remote_call.call_function(kernel, kernel_entry.prepare_run, **arguments)
    except WeightsNotFound:
        application = applications.APPLICATIONS.get(recipe.model)
        local = application and weights.find_local_file(application, paths.data_folder("weights"))
        if not application or not local:
            raise
        is_keras_file = local.name == application.file
        blocking.wait_for(
            sftp.upload_once(target, local, ".keras/models" if is_keras_file else _WEIGHTS)
        )
    return recipe.weights

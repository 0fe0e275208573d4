"""Fine-tune on the connected instance: the same engine there, the same events here."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dl_magics.actions.aws import instances
from dl_magics.actions.gpu import notebook_kernel, remote_call, sync
from dl_magics.actions.gpu.host import Way
from dl_magics.actions.gpu.notebook_kernel import Connection
from dl_magics.actions.runs import remote_run
from dl_magics.errors import (
    BadData,
    DLMagicsError,
    KernelDied,
    NotResumable,
    WeightsNotFound,
    WrongState,
)
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.runs import stop_request
from dl_magics.runs.events import Event, RunEnded
from dl_magics.ssh import blocking, sftp
from dl_magics.store import paths
from dl_magics.training.engine import resume_point
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.weights import weights

RUNS = ".dl_magics/runs"
_WEIGHTS = ".dl_magics/weights"
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 1.0

Stop = Callable[[], bool]
Events = Generator[Event, None, None]


def finetune(connection: Connection, recipe: Recipe, folder: Path, stop: Stop) -> Events:
    """Run a recipe in the GPU kernel; yield its events as they come home.

    What would fail there is looked at first: the data, the weights. The run goes on there
    whatever becomes of this computer; `mirror.follow` finds it again.
    """
    asked = replace(
        recipe,
        data=data_there(connection, recipe.data),
        weights=_weights_there(connection, recipe),
    )
    yield from _run(connection, asked, folder, stop, resume=False)


def resume(run: Run, stop: Stop) -> Events:
    """Go on there with a run that was interrupted there; yield what is not in the log here yet."""
    yield from rest(run.path, stop)
    recipe = resume_point.read(run.path).recipe
    connection = notebook_kernel.current()
    where = remote_run.of(run.path)
    if where and where.way["alias"] != connection.way.alias:
        raise NotResumable(
            f"The run {run.name} trained on {where.way['name']}, and its checkpoint lies there.",
            fix=f"%gpu_connect {where.way['name']}",
        )
    yield from _run(connection, recipe, run.path, stop, resume=True)


def rest(folder: Path, stop: Stop) -> Events:
    """Bring home what a run there has told since anyone looked, and go on while it does.

    It ends too where the GPU kernel did, or the instance was stopped.
    """
    where = remote_run.of(folder)
    if where is None or where.over:
        return
    with suppress(KernelDied, WrongState):
        kernel = where.attach()
        try:
            yield from _followed(Way(**where.way), folder, kernel, stop)
        finally:
            kernel.close()


def data_there(connection: Connection, data: str) -> str:
    """Return the absolute path there of a folder that was synced, or that is named as it is there.

    Raises
    ------
    BadData
        where nothing is there.
    """
    path = sftp.resolve_path(connection.way.login(), sync.path_there(data))
    if path is None:
        raise BadData(
            f"{data} is not on {connection.way.name}.",
            fix=f"%sync up {data}"
            if Path(data).expanduser().is_dir()
            else f"There is no such folder here either: %aws_ssh ls · %sync up {data}",
        )
    return path


def _run(
    connection: Connection, recipe: Recipe, folder: Path, stop: Stop, *, resume: bool
) -> Events:
    kernel = connection.kernel
    found_by: dict[str, Any] = {
        "python": connection.python,
        "activate": connection.activate,
        "kernel": notebook_kernel.run_dir(connection.way, notebook_kernel.session()),
        "since": kernel.n,
        "folder": f"{RUNS}/{folder.name}",
    }
    arguments = {
        "recipe": recipe.to_json(),
        "run": folder.name,
        "host": _describe_host(connection.way),
        "resume": resume,
        "found_by": found_by,
    }
    cell = remote_call.code(connection, "dl_magics.training.kernel_entry:run_recipe", arguments)
    way, id_ = connection.way.to_json(), kernel.execute(cell, store_history=False).id
    remote_run.note(folder, remote_run.There(way=way, msg_id=id_, **found_by))
    n = 0
    try:
        for event in _followed(connection.way, folder, kernel, stop):
            n = event.n
            yield event
    except KernelDied as error:
        # The log waits for what comes after; who watches sees how it stands.
        yield RunEnded(n=n + 1, t=time.time(), status="interrupted")
        raise KernelDied(str(error), fix=_again(connection.way, folder)) from error


def _again(way: Way, folder: Path) -> str:
    if Run(folder).is_on_theano:
        return f"%gpu_connect {way.name}, then run the cell again: its features are kept there."
    again = f"%gpu_connect {way.name}, then %finetune --resume {folder.name}"
    return f"It goes on from its last checkpoint: {again}"


def _followed(way: Way, folder: Path, kernel: GpuKernel, stop: Stop) -> Events:
    """Yield the events of a run there, and let it know when it is asked to stop here."""

    def stops() -> bool:
        return stop() or stop_request.is_stop_requested(folder)

    passing = blocking.start_task(
        _pass_on(stops, way, f"{RUNS}/{folder.name}/{stop_request.FILE_NAME}")
    )
    try:
        yield from remote_run.follow(folder, kernel)
    finally:
        passing.cancel()


async def _pass_on(stops: Stop, way: Way, path: str) -> None:
    while not stops():
        await asyncio.sleep(_LOOK_SECONDS)
    while True:
        try:
            await sftp.create_empty_file(await asyncio.to_thread(way.login), path)
        except DLMagicsError:
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return


def _weights_there(connection: Connection, recipe: Recipe) -> str | None:
    """Have the weights on the instance: fetched there, else brought from here."""
    login = connection.way.login()
    function = "dl_magics.training.kernel_entry:fetch_weights"
    arguments = {"recipe": recipe.to_json()}
    if recipe.weights not in (None, "imagenet"):
        remote_call.run(connection, function, **arguments)
        file = Path(recipe.weights).expanduser()
        if not file.is_file():
            return recipe.weights
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return sftp.upload_once(login, file, _WEIGHTS, name=f"{sha256[:12]}-{file.name}")
    try:
        remote_call.run(connection, function, **arguments)
    except WeightsNotFound:
        ours = weights.at_hand(applications.MODELS[recipe.model], paths.data_folder("weights"))
        if not ours:
            raise
        cached = ours.name == applications.MODELS[recipe.model].file
        sftp.upload_once(login, ours, ".keras/models" if cached else _WEIGHTS)
    return recipe.weights


def _describe_host(way: Way) -> dict[str, Any]:
    """Return where it trains, as the log of the run tells it."""
    host: dict[str, Any] = {"name": way.name, "id": way.alias}
    if not way.is_instance:
        return host
    instance = instances.priced(way.instance())
    return {**host, "type": instance.type, "dollars_per_hour": instance.dollars_per_hour}

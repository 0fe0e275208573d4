"""The process of a worker on a host: it ends as soon as its standard input does.

It reads two lines of JSON, which version of Dask to use and then what to compute, and answers with
lines of JSON behind a mark: nothing that libraries print can be taken for an answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from dl_magics.data import images
from dl_magics.errors import DLMagicsError, NotInstalled
from dl_magics.store import private

LOCK = ".dl_magics/worker.lock"
"""Held by each worker on a host, below the home folder."""

_LOOPBACK = "127.0.0.1"
# The next batches are here when one is done.
_THREADS = 2
_SECONDS_WITHOUT_SCHEDULER = 30


class Worker:
    """Answers with `mark` before each line."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        # From the first moment on: what is imported or built meanwhile is given up.
        threading.Thread(target=self._read_lines, daemon=True).start()

    def serve(self) -> None:
        """Say what this host computes with, build the network, and compute until the end."""
        from dl_magics.training.recipe.recipe import Recipe

        _require_dask(self._hear()["dask"])
        from dl_magics.training.engine import device

        found = device.detect_device()
        import keras

        with socket.create_server((_LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        self._say(
            "found",
            device=asdict(found),
            backend=keras.config.backend(),
            decoder=str(images.DECODER),
            port=port,
        )
        call = self._hear()
        recipe = Recipe.from_json(call["recipe"])
        self._say("built", **_build(recipe, call, found))
        asyncio.run(_compute(port, call))

    def fail(self, error: DLMagicsError) -> None:
        """Say why there is no worker."""
        self._say("failed", type=type(error).__name__, message=str(error), fix=error.fix)

    def _hear(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self._lines.get())
        return values

    def _read_lines(self) -> None:
        """Take the lines of the input; its end is that of this process."""
        while line := sys.stdin.readline():
            self._lines.put(line)
        os._exit(0)

    def _say(self, op: str, **values: Any) -> None:
        sys.stdout.write(f"\n{self._mark} {json.dumps({'op': op, **values})}\n")
        sys.stdout.flush()


def main(mark: str) -> None:
    """Serve; runs on the host."""
    worker = Worker(mark)
    try:
        with hold_lock():
            worker.serve()
    except DLMagicsError as error:
        worker.fail(error)
    # A GPU library may crash the interpreter as it exits.
    os._exit(0)


@contextmanager
def hold_lock() -> Iterator[None]:
    """Show to who would stop this host that it has a worker; the lock ends with the process."""
    import fcntl  # hosts run Linux; this computer may not

    path = Path.home() / LOCK
    private.ensure_folder(path.parent)
    with private.open_file(path, "ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        yield


def _build(recipe: Any, call: Mapping[str, Any], found: Any) -> dict[str, Any]:
    from dl_magics.training.crew import task
    from dl_magics.training.engine import networks
    from dl_magics.training.engine.fine_tuning.joined import compute_rows, join_shapes
    from dl_magics.training.engine.fine_tuning.split_network import split_network
    from dl_magics.training.engine.inference.compute import Immediate
    from dl_magics.training.engine.inference.keras_compute import KerasCompute

    folder = private.ensure_folder(private.ensure_folder(Path.home() / ".dl_magics") / "weights")
    frozen = networks.build_frozen(recipe, call["precision"], folder, winograd=call["winograd"])
    fast = KerasCompute(frozen.fast, found, call["batch_size"])
    if not recipe.trains_network:
        task.use_compute(fast)
        return {"sha256": frozen.sha256, "shape": list(frozen.features)}
    split = split_network(recipe, frozen)
    size = call["batch_size"]
    below, above = (KerasCompute(each, found, size) for each in (split.below, split.above))
    task.use_compute(Immediate(partial(compute_rows, below, above)))
    shape = join_shapes(split.activations, frozen.features)
    return {"sha256": frozen.sha256, "shape": list(shape)}


async def _compute(port: int, call: Mapping[str, Any]) -> None:
    from distributed import Worker as DaskWorker

    from dl_magics.training.crew import dask_settings

    dask_settings.configure()
    async with DaskWorker(
        call["scheduler"],
        nthreads=_THREADS,
        name=call["name"],
        host=_LOOPBACK,
        port=port,
        contact_address=call["contact"],
        security=dask_settings.make_security(**call["credentials"]),
        protocol=dask_settings.PROTOCOL,
        dashboard=False,
        dashboard_address=f"{_LOOPBACK}:0",
        death_timeout=_SECONDS_WITHOUT_SCHEDULER,
        memory_limit=0,
    ) as running:
        await running.finished()


def _require_dask(version: str) -> None:
    try:
        import distributed
    except ImportError:
        found = "is not installed"
    else:
        if distributed.__version__ == version:
            return
        found = f"has the version {distributed.__version__}"
    raise NotInstalled(
        f"Dask {found} in {sys.executable}; this computer has {version}, and both must agree.",
        fix="Run the cell again: it asks whether to install it · or on the host: "
        f"{sys.executable} -m pip install distributed=={version}",
    )

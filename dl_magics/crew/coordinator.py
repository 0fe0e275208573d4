"""The process of Dask's scheduler, on this computer: `python -m dl_magics.crew.coordinator`.

It reads frames from standard input: first the credentials, then batches to compute. It writes
frames to standard output: the workers that join and leave, and the features of each batch, in any
order. It ends with its input. What the workers send is unpickled in this process only, and only
what `ALLOWED` names.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
from typing import IO, Any

from dl_magics.crew import restricted_pickle
from dl_magics.training.crew import dask_settings, task
from dl_magics.training.crew.frames import Frame, read_blocking

ALLOWED = (
    # The graph of one task, as the client in this process sends it to the scheduler.
    ("dask._expr", "Expr._reconstruct"),
    ("dask._expr", "LLGExpr"),
    ("dask._task_spec", "Task"),
    (task.__name__, task.compute_batch.__name__),
    # The features of a batch, and why there are none.
    ("builtins", "bytes"),
    ("builtins", "RuntimeError"),
)
"""What this process unpickles, as modules and names; none of it runs code of a pickle."""


class Coordinator:
    """Passes batches to the workers and their features on."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._running: dict[str, asyncio.Task[None]] = {}
        self._numbers = itertools.count()
        self._scheduler: Any = None
        self._client: Any = None

    async def serve(self, frames: asyncio.Queue[Frame | None]) -> None:
        """Run a scheduler and do what the frames say, until there is none left."""
        from distributed import Client, Scheduler
        from distributed.diagnostics.plugin import SchedulerPlugin

        first = await frames.get()
        if first is None:
            return
        security = dask_settings.make_security(**first.values["credentials"])
        coordinator = self

        class CrewScheduler(Scheduler):
            def handle_task_erred(self, key: Any, stimulus_id: str, **message: Any) -> None:
                # The client would load the exception, and end where it may not.
                said = make_error(str(message.get("exception_text", ""))[:300])
                super().handle_task_erred(key, stimulus_id, **{**message, **said})

        class Report(SchedulerPlugin):
            def add_worker(self, *_: Any, worker: str, **__: Any) -> None:
                coordinator.tell("joined", address=worker)

            def remove_worker(self, *_: Any, worker: str, **__: Any) -> None:
                coordinator.tell("left", address=worker)

        dask_settings.configure()
        async with (
            CrewScheduler(
                protocol="tls",
                host="127.0.0.1",
                port=0,
                dashboard=False,
                dashboard_address="127.0.0.1:0",
                http_prefix="",
                security=security,
                plugins=[Report()],
            ) as self._scheduler,
            Client(self._scheduler.address, asynchronous=True, security=security) as self._client,
        ):
            self.tell("ready", port=int(self._scheduler.address.rpartition(":")[2]))
            while frame := await frames.get():
                await self._do(frame)
            for each in self._running.values():
                each.cancel()

    async def _do(self, frame: Frame) -> None:
        if frame.op == "submit":
            name = str(frame.values["id"])
            self._running[name] = asyncio.create_task(self._compute(name, frame.payload))
        elif frame.op == "dismiss":
            await self._scheduler.remove_worker(
                frame.values["address"], stimulus_id="dismissed", expected=True
            )

    async def _compute(self, name: str, payload: bytes) -> None:
        # A batch that is sent again is another task to Dask.
        key = f"batch-{name}-{next(self._numbers)}"
        future = self._client.submit(task.compute_batch, payload, key=key, pure=False)
        try:
            features = await future
            if not isinstance(features, bytes):
                raise TypeError(f"{type(features).__name__} instead of features")
            self.tell("done", features, id=name, address=self._find_worker(future.key))
        except Exception as error:
            # Whatever a worker makes of a batch: the run decides how to go on.
            where = self._find_worker(future.key)
            why = f"{type(error).__name__}: {error}"[:300]
            self.tell("failed", id=name, address=where, why=why)
        finally:
            future.release()
            self._running.pop(name, None)

    def _find_worker(self, key: Any) -> str:
        known = self._scheduler.tasks.get(key)
        if known is None:
            return ""
        holders = [each.address for each in known.who_has or ()]
        return str(next(iter(holders), (known.erred_on and next(iter(known.erred_on))) or ""))

    def tell(self, op: str, payload: bytes = b"", **values: Any) -> None:
        """Write a frame."""
        self._output.write(Frame({"op": op, **values}, payload).encode())
        self._output.flush()


def make_error(text: str) -> dict[str, Any]:
    """Return the error of a task as Dask's messages have it, with nothing of a worker but text."""
    from distributed.core import error_message

    said = error_message(RuntimeError(text))
    return {name: said[name] for name in ("exception", "exception_text")} | {
        "traceback": None,
        "traceback_text": "",
    }


def main() -> None:
    """Serve the run that started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    restricted_pickle.restrict(ALLOWED)
    frames: asyncio.Queue[Frame | None] = asyncio.Queue()
    # Libraries may print: only frames go to the run.
    output, sys.stdout = sys.stdout.buffer, sys.stderr

    async def serve() -> None:
        loop = asyncio.get_running_loop()

        def read() -> None:
            while frame := read_blocking(sys.stdin.buffer):
                loop.call_soon_threadsafe(frames.put_nowait, frame)
            loop.call_soon_threadsafe(frames.put_nowait, None)

        threading.Thread(target=read, daemon=True).start()
        await Coordinator(output).serve(frames)

    asyncio.run(serve())


if __name__ == "__main__":
    main()

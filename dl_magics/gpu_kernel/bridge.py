"""Presents a kernel on a host to Jupyter as an ordinary local kernel."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dl_magics.errors import DLMagicsError, NoAnswer
from dl_magics.gpu_kernel import standby
from dl_magics.gpu_kernel.agent.messages import Message, Wire
from dl_magics.gpu_kernel.journal_entry import JournalEntry, decode_buffers, encode_buffers
from dl_magics.gpu_kernel.load_ext import replace_load_ext
from dl_magics.ssh import blocking

if TYPE_CHECKING:
    import zmq.asyncio

T = TypeVar("T")
_CHANNELS = ("shell", "control", "stdin")
_SHUTDOWN_SECONDS = 10.0


class BridgedKernel(Protocol):
    """The part of `GpuKernel` that a bridge uses."""

    def send(self, channel: str, message: Message) -> None: ...
    def interrupt(self) -> None: ...
    def restart(self) -> None: ...
    def shutdown(self) -> None: ...
    def entries(self) -> AsyncIterator[JournalEntry]: ...


class Bridge:
    """Connects the five local sockets of a Jupyter kernel to a kernel on a host.

    It runs regardless of the state of the link. If the kernel dies, the bridge exits, so that
    Jupyter restarts it. The end of the bridge's process does not end the kernel; only a shutdown
    request does. While the host cannot be reached, each cell says why and tries again.

    Parameters
    ----------
    attach
        Returns the kernel; called until it raises no DLMagicsError.
    connection
        The content of the connection file that Jupyter wrote.
    host
        The name of the host, for messages.
    """

    def __init__(
        self,
        attach: Callable[[], BridgedKernel],
        connection: dict[str, Any],
        host: str = "the GPU kernel's host",
    ) -> None:
        self._attach = attach
        self._host = host
        self._kernel: BridgedKernel | None = None
        self._attaching: asyncio.Task[None]
        self._attached = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._refused: DLMagicsError | None = None
        self._connection = connection
        self._wire = Wire(connection["key"])
        self._ends: dict[str, zmq.asyncio.Socket] = {}
        self._askers: dict[str, list[bytes]] = {}
        self._running: Message = {}
        self._ending: asyncio.Future[int] | None = None

    def run(self) -> int:
        """Serve until the kernel ends; return the exit status for Jupyter."""
        return asyncio.run(self._serve())

    async def _serve(self) -> int:
        import zmq

        kinds = {"shell": zmq.ROUTER, "control": zmq.ROUTER, "stdin": zmq.ROUTER}
        for channel, kind in {**kinds, "iopub": zmq.PUB, "hb": zmq.REP}.items():
            self._ends[channel] = self._bound(channel, kind)
        self._attaching = asyncio.create_task(self._try_to_attach())
        working = [self._beat(), self._down(), *(self._up(channel) for channel in _CHANNELS)]
        tasks = [asyncio.ensure_future(work) for work in working]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return max(task.result() for task in done)
        finally:
            for task in (*tasks, self._attaching):
                task.cancel()
            for end in self._ends.values():
                end.close(linger=1000)

    def _bound(self, channel: str, kind: int) -> zmq.asyncio.Socket:
        import zmq.asyncio

        local = self._connection
        between = "-" if local["transport"] == "ipc" else ":"
        end = zmq.asyncio.Context.instance().socket(kind)
        end.sndhwm = 0
        end.bind(f"{local['transport']}://{local['ip']}{between}{local[f'{channel}_port']}")
        return end

    async def _beat(self) -> int:
        while True:
            await self._ends["hb"].send(await self._ends["hb"].recv())

    async def _up(self, channel: str) -> int:
        """Forward requests from Jupyter to the kernel."""
        while True:
            frames = await self._ends[channel].recv_multipart()
            try:
                message = decode_buffers(self._wire.unpack(frames))
                header = message["header"]
            except (ValueError, LookupError):
                continue  # not signed with our key
            self._askers[header["msg_id"]] = frames[: frames.index(b"<IDS|MSG>")]
            if header["msg_type"] == "interrupt_request":
                self._interrupted.set()
                if self._kernel:
                    await asyncio.to_thread(self._kernel.interrupt)
                await self._reply(channel, message, {"status": "ok"})
            elif header["msg_type"] == "shutdown_request":
                self._ending = asyncio.get_running_loop().create_future()
                await self._end(message["content"].get("restart", False))
                await self._reply(channel, message, {"status": "ok", **message["content"]})
                return 0
            elif kernel := await self._reach_kernel(header["msg_type"]):
                if header["msg_type"] == "execute_request":
                    content = message["content"]
                    content["code"] = replace_load_ext(content.get("code", ""), self._host)
                await asyncio.to_thread(kernel.send, channel, message)
            else:
                await self._stand_in(channel, message)

    async def _try_to_attach(self) -> None:
        try:
            self._kernel = await asyncio.to_thread(self._attach)
        except DLMagicsError as error:
            self._refused = error
        else:
            self._attached.set()

    async def _reach_kernel(self, msg_type: str) -> BridgedKernel | None:
        """Return the kernel once it is attached; None if that failed or was interrupted.

        Only a cell, which a person has run, tries again.
        """
        if self._kernel:
            return self._kernel
        if self._attaching.done() and msg_type == "execute_request":
            self._attaching = asyncio.create_task(self._try_to_attach())
        self._interrupted.clear()
        interrupted = asyncio.create_task(self._interrupted.wait())
        await asyncio.wait({self._attaching, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if self._attaching.done():
            self._attaching.result()
        return self._kernel

    async def _stand_in(self, channel: str, message: Message) -> None:
        """Answer a request of Jupyter without a kernel: a cell fails with the two lines."""
        kind = message["header"]["msg_type"]
        error = self._refused
        if error is None or not self._attaching.done():
            error = NoAnswer(f"{self._host} has not answered yet.", fix="Run the cell again.")
        await self._publish(self._answer("status", message, {"execution_state": "busy"}))
        if kind == "execute_request":
            await self._publish(self._answer("error", message, standby.describe_error(error)))
        if kind.endswith("_request"):
            await self._reply(channel, message, standby.answer(kind, error))
        await self._publish(self._answer("status", message, {"execution_state": "idle"}))

    async def _end(self, restart: bool) -> None:
        """Restart or shut down the kernel; with a lost link, return after a timeout."""
        if not self._kernel:
            return
        ending = asyncio.to_thread(self._kernel.restart if restart else self._kernel.shutdown)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending, _SHUTDOWN_SECONDS)

    async def _down(self) -> int:
        """Forward messages from the kernel to Jupyter."""
        await self._attached.wait()
        assert self._kernel
        source = self._kernel.entries()
        while entry := await asyncio.wrap_future(blocking.start_task(_next(source))):
            if entry.channel == "in" and entry.kind == "execute_request":
                self._running = entry.message
            elif entry.channel == "iopub":
                await self._publish(entry.message)
            elif entry.channel in _CHANNELS and entry.answers in self._askers:
                asker = self._askers[entry.answers]
                await self._send(entry.channel, asker, entry.message)
            elif entry.event == "kernel_died":
                why = entry.message.get("stopped") or f"{entry.message['why']}."
                text = f"The GPU kernel died: {why}\n"
                await self._publish(
                    self._answer("stream", self._running, {"name": "stderr", "text": text})
                )
                return 1
        # The link is closed: after a shutdown request, or because it failed permanently.
        return await self._ending if self._ending else 1

    async def _publish(self, message: Message) -> None:
        await self._send("iopub", [f"kernel.{message['header']['msg_type']}".encode()], message)

    async def _reply(self, channel: str, to: Message, content: Message) -> None:
        kind = to["header"]["msg_type"].replace("_request", "_reply")
        asker = self._askers[to["header"]["msg_id"]]
        await self._send(channel, asker, self._answer(kind, to, content))

    async def _send(self, channel: str, asker: list[bytes], message: Message) -> None:
        await self._ends[channel].send_multipart(asker + self._wire.pack(encode_buffers(message)))

    def _answer(self, kind: str, to: Message, content: Message) -> Message:
        parent = to.get("header", {})
        header = {**parent, "msg_id": uuid.uuid4().hex, "msg_type": kind}
        return {"header": header, "parent_header": parent, "metadata": {}, "content": content}


async def _next(source: AsyncIterator[T]) -> T | None:
    return await anext(source, None)

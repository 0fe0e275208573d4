"""The kernel's channels: ZeroMQ over Unix sockets, without ports."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, Callable

import zmq
import zmq.asyncio

from .messages import Message, Wire

IDENTITY = b"dl_magics"
SESSION = "dl_magics-agent"
KNOCK_SECONDS = 0.2
FAIRNESS = 100
DIRECT = ("stdin", "shell")
KINDS = {"iopub": zmq.SUB, "shell": zmq.DEALER, "stdin": zmq.DEALER, "control": zmq.DEALER}


class Channels:
    """The connection to one kernel.

    Parameters
    ----------
    connection
        The content of the kernel's connection file.
    take
        Called with the channel and each message.
    on_reply
        Called with the channel on which a request of the agent was answered.
    """

    def __init__(
        self,
        connection: dict[str, Any],
        take: Callable[[str, Message], None],
        on_reply: Callable[[str], None],
    ) -> None:
        self.open = False
        self._wire = Wire(connection["key"])
        self._take = take
        self._on_reply = on_reply
        self._answered: set[str] = set()
        self._ends = {channel: _end(channel) for channel in KINDS}
        self._greeted = [
            self._ends[channel].get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            for channel in DIRECT
        ]
        for channel, end in self._ends.items():
            end.connect("ipc://{}-{}".format(connection["ip"], connection[channel + "_port"]))
        self._tasks = [asyncio.ensure_future(self._listen(channel)) for channel in KINDS]
        self._tasks.append(asyncio.ensure_future(self._knock()))

    def send(self, channel: str, message: Message) -> None:
        """Send a message to the kernel."""
        self._ends[channel].send_multipart(self._wire.pack(message))

    def ask(self, channel: str, kind: str = "kernel_info_request") -> None:
        """Send a request of the agent; its reply comes after those of all earlier requests."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "username": "dl_magics",
            "session": SESSION,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "version": "5.3",
        }
        self.send(channel, {"header": header, "content": {"restart": False}})

    def check(self) -> None:
        """Raise the error of a failed task, so that a broken agent does not seem to work."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    def close(self) -> None:
        """Close the channels."""
        for task in self._tasks:
            task.cancel()
        for end in (*self._ends.values(), *self._greeted):
            end.close()

    async def _knock(self) -> None:
        """Send requests until control and iopub are connected; earlier iopub messages are lost.

        So is what the kernel sends before stdin and shell are connected: an input request, or the
        reply to a request of an earlier agent.
        """
        for channel, greeted in zip(DIRECT, self._greeted):
            await greeted.recv_multipart()
            self._ends[channel].disable_monitor()
        while not self.open:
            self.ask("control")
            await asyncio.sleep(KNOCK_SECONDS)

    async def _listen(self, channel: str) -> None:
        taken = 0
        while True:
            frames = await self._ends[channel].recv_multipart(copy=False)
            self._receive(channel, [frame.buffer for frame in frames])
            del frames
            taken += 1
            if taken % FAIRNESS == 0:
                # Let other tasks run while one channel is busy.
                await asyncio.sleep(0)

    def _receive(self, channel: str, frames: list[memoryview]) -> None:
        try:
            message = self._wire.receive(frames)
            ours = message["parent_header"].get("session") == SESSION
            kind = message["header"]["msg_type"]
            if not isinstance(message.get("content", {}), dict):
                raise TypeError("its content is not an object")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self._take("agent", {"event": "unreadable", "channel": channel, "why": repr(error)})
            return
        if ours:
            self._answered.add(channel)
            self.open = {"control", "iopub"} <= self._answered
            self._on_reply(channel)
        elif kind != "iopub_welcome":
            self._take(channel, message)


def _end(channel: str) -> Any:
    end = zmq.asyncio.Context.instance().socket(KINDS[channel])
    end.linger = 0
    # Without this, a kernel drops messages that a slow receiver does not read.
    end.rcvhwm = end.sndhwm = 0
    if channel == "iopub":
        end.subscribe(b"")
    else:
        # The kernel sends input requests to the identity that sent the request.
        end.setsockopt(zmq.IDENTITY, IDENTITY)
    return end

"""Connects the kernel and its clients; every message is journalled before it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from .activity import UNKNOWN, Activity
from .channels import Channels
from .clients import Client, Clients
from .files import find_sockets, machine
from .journal import Journal
from .journal_writer import Recorder
from .kernel_process import Kernel
from .messages import Message, lines

LOOK_SECONDS = 0.2
END_SECONDS = 5.0
LEAVE_SECONDS = 600.0


class Agent:
    """Owns a kernel, sends it each request once, and sends its messages to all clients."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = Journal(folder / "journal")
        self._recorder = Recorder(self._journal, self._recorded)
        self._clients = Clients(folder / "had.json")
        self._kernel = Kernel(folder)
        self._channels: Channels | None = None
        self._state = "dead"
        self._why = ""
        self._activity = Activity()
        self._early: list[tuple[str, Message]] = []
        self._adopted_at: int | None = None
        self._full = ""
        self._leaving = False
        self._wanted_at = time.time()

    def status(self) -> dict[str, Any]:
        """Return the status of the kernel, the journal and the agent."""
        return {
            "op": "status",
            "state": "busy" if self._activity.running and self._state == "idle" else self._state,
            "why": self._why,
            "busy": next(iter(self._activity.running), None),
            "idle_since": None if self._activity.running else self._activity.idle_since,
            "kernel_pid": self._kernel.pid,
            "agent_pid": os.getpid(),
            "boot": self._journal.boot,
            "first": self._journal.first,
            "n": self._journal.n,
            "full": self._full,
            "clients": len(self._clients.here),
            "folder": str(self._folder),
        }

    async def run(self, may_start: bool) -> None:
        """Serve until the kernel is shut down."""
        socket = find_sockets(self._folder) / "agent.sock"
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()
        same_machine = self._journal.machine in ("", machine())
        self._tell("agent_started", boot=uuid.uuid4().hex, machine=machine(), pid=os.getpid())
        self._find_kernel(may_start, same_machine)
        server = await asyncio.start_unix_server(self._attached, str(socket))
        socket.chmod(0o600)
        self._recorder.sync_always()
        while not self._leaving:
            self._look()
            await asyncio.sleep(LOOK_SECONDS)
        server.close()
        socket.unlink()
        self._journal.sync()

    def _find_kernel(self, may_start: bool, same_machine: bool) -> None:
        """Adopt the kernel of an earlier agent; if there is none, start one if allowed."""
        if self._kernel.adopt():
            self._tell("kernel_adopted", pid=self._kernel.pid)
            self._adopted_at = self._journal.n
            self._activity.begin_unknown()
            self._connect()
            return
        if self._journal.kernel_lives:
            self._died(self._kernel.why_away(same_machine))
        if may_start:
            self._start_kernel()

    def _start_kernel(self) -> None:
        try:
            self._kernel.start()
        except OSError as error:
            self._died(f"it could not be started: {error}")
            return
        self._tell("kernel_started", pid=self._kernel.pid)
        self._adopted_at = None
        self._activity.clear()
        self._connect()

    def _connect(self) -> None:
        self._state, self._why, self._early = "starting", "", []
        self._channels = Channels(self._kernel.connection, self._take, self._receive_reply)

    def _hang_up(self) -> None:
        if self._channels:
            self._channels.close()
        self._channels, self._state, self._early = None, "dead", []
        self._activity.clear()

    def _take(self, channel: str, message: Message) -> None:
        if channel == "iopub":
            self._activity.take(message)
        self._recorder.record(channel, message)

    def _receive_reply(self, channel: str) -> None:
        """Handle the reply to a request of the agent itself."""
        if channel == "shell" and self._adopted_at is not None:
            # All requests before this one have finished; output not received by now is lost.
            self._tell("settled", before=self._adopted_at)
            self._adopted_at = None
            self._activity.end(UNKNOWN)
        if self._channels and self._channels.open and self._state == "starting":
            self._state = "idle"
            self._tell("kernel_ready")
            if self._adopted_at is not None:
                self._channels.ask("shell")
            early, self._early = self._early, []
            for request in early:
                self._channels.send(*request)

    def _tell(self, event: str, **facts: Any) -> None:
        self._recorder.record("agent", dict(facts, event=event))

    def _recorded(self) -> None:
        self._clients.wake()
        if self._full != self._recorder.full:
            self._full = self._recorder.full
            self._clients.say(self.status())

    def _look(self) -> None:
        """Check the journal, the channels and the kernel; called several times a second."""
        if self._recorder.waits:
            self._recorder.write()
        if self._channels:
            self._channels.check()
        if self._state != "dead":
            why = self._kernel.ended()
            if why is not None:
                self._died(why)
        if self._clients.here or self._state != "dead":
            self._wanted_at = time.time()
        elif time.time() - self._wanted_at > LEAVE_SECONDS:
            self._leaving = True
        # If the disk is too full even to drop segments, the next check tries again.
        with contextlib.suppress(OSError):
            self._journal.give_room(self._clients.had_by_all())

    def _died(self, why: str) -> None:
        self._hang_up()
        self._why = why
        self._tell("kernel_died", why=why)

    async def _attached(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self._journal, writer)
        self._clients.here.add(client)
        pump = asyncio.ensure_future(client.pump())
        try:
            async for line in lines(reader):
                await self._obey(client, line)
        except OSError:
            pass  # the client disconnected
        finally:
            pump.cancel()
            self._clients.gone(client)
            writer.close()

    async def _obey(self, client: Client, line: bytes) -> None:
        try:
            request = json.loads(line)
            kind = request["op"]
            if kind == "hello":
                client.greet(request, self.status())
                self._clients.supersede(client)
            elif kind == "ping":
                client.had = request.get("had", client.had)
                client.say(dict(self.status(), op="pong"))
            elif kind == "status":
                client.say(self.status())
            elif kind == "send":
                self._pass_on(request["ch"], request["m"])
            else:
                await self._control(kind, request["id"], request.get("of"))
        except (ValueError, KeyError, TypeError) as error:
            client.say({"op": "error", "error": repr(error)})

    def _is_new(self, request: str) -> bool:
        """Whether a request is received for the first time; clients repeat unconfirmed ones."""
        new = request not in self._journal.asked
        self._journal.asked.add(request)
        return new

    def _pass_on(self, channel: str, message: Message) -> None:
        if not self._is_new(message["header"]["msg_id"]):
            return

        def send() -> None:
            if self._channels and self._state == "idle":
                self._channels.send(channel, message)
            else:
                self._early.append((channel, message))

        # Typed input may be a password.
        kept = dict(message, content={}) if channel == "stdin" else message
        self._recorder.record("in", dict(kept, channel=channel), send)

    async def _control(self, kind: str, id_: str, of: str | None) -> None:
        if not self._is_new(id_):
            return
        if kind == "interrupt":
            # The request may have ended while the link was lost: another one may run now.
            if of is None or self._activity.may_run(of):
                self._kernel.interrupt()
            self._tell("interrupted", id=id_)
        elif kind == "restart":
            await self._end_kernel()
            self._tell("restarting", id=id_)
            self._start_kernel()
        elif kind == "shutdown":
            await self._end_kernel()
            self._tell("shutdown", id=id_)
            # Give the clients time to receive this last entry.
            await asyncio.sleep(LOOK_SECONDS)
            self._leaving = True

    async def _end_kernel(self) -> None:
        hears = self._channels is not None and self._channels.open
        if self._channels and hears:
            self._channels.ask("control", "shutdown_request")
        self._state = "dead"
        await self._kernel.end(patience=END_SECONDS if hears else 0)
        self._hang_up()

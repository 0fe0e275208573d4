"""Keeps a kernel on the instance, and a journal of every message to and from it.

Runs on the instance, in any Python from 3.8 on that has pyzmq, and imports nothing else of ours.

    agent.py start FOLDER [--python P] [--cwd D]   start it, or find it running; a living kernel
                                                   is adopted, else one is started
    agent.py adopt FOLDER                          the same, but no kernel is started
    agent.py status FOLDER                         how it is, in one line of JSON
    agent.py attach FOLDER                         its socket on standard input and output
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import fcntl
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Dict

Message = Dict[str, Any]  # of "header", "parent_header", "metadata", "content", "buffers"
CHUNK_BYTES = 1 << 18
SEGMENT_BYTES = 8 << 20
KEEP_BYTES = 512 << 20
REMEMBER_SECONDS = 7 * 24 * 3600
LOOK_SECONDS = 0.2
SYNC_SECONDS = 1.0
START_SECONDS = 30.0
END_SECONDS = 5.0
LEAVE_SECONDS = 600.0
IDENTITY = b"dl_magics"
SESSION = "dl_magics-agent"
HEAD = re.compile(rb'\{"n":(\d+),"t":[\d.]+,"ch":"(\w+)"')
PARTS = ("header", "parent_header", "metadata", "content")


class Journal:
    """Entries numbered 1, 2, 3 … in segment files; whole lines, without a gap.

    A segment is named by the number of its first entry. What a crash tore is cut off; what it
    cut off from its predecessors is set aside.
    """

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, keep_bytes: int = KEEP_BYTES
    ) -> None:
        self.n = 0
        self.asked: set[str] = set()
        self.boot = ""
        self.machine = ""
        self.kernel_lives = False
        self._ends: dict[str, int] = {}
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._keep_bytes = keep_bytes
        self._sizes: dict[int, int] = {}
        self._unsynced: set[Any] = set()
        folder.mkdir(mode=0o700, exist_ok=True)
        self._recover()
        self._file = self._path(max(self._sizes)).open("ab", buffering=0)

    @property
    def first(self) -> int:
        """The number of the oldest entry that is kept."""
        return min(self._sizes)

    def append(self, channel: str, message: Message, at: float) -> None:
        """Add an entry; where that cannot be (OSError) nothing is changed."""
        entry = {"n": self.n + 1, "t": round(at, 3), "ch": channel, "m": message}
        line = as_line(entry)
        current = max(self._sizes)
        if self._sizes[current] and self._sizes[current] + len(line) > self._segment_bytes:
            current = self.n + 1
            self._file = self._path(current).open("ab", buffering=0)
            self._sizes[current] = 0
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._sizes[current])
            raise
        self._unsynced.add(self._file)
        self._sizes[current] += len(line)
        self.n += 1
        self._note(entry)

    def sync(self) -> None:
        """Let the disk have all that was written; safe in another thread."""
        while self._unsynced:
            os.fsync(self._unsynced.pop().fileno())

    def after(self, since: int, boot: str) -> int:
        """Return after which entry a reader goes on that had `since` from the agent's `boot`.

        A power cut may have taken entries that a reader had; their numbers were given again.
        """
        survived = self._ends.get(boot, self.n)
        return max(self.first - 1, min(since, survived))

    def place(self, since: int) -> tuple[int, int]:
        """Return where the entry after `since` begins: segment and offset."""
        segment = max(first for first in self._sizes if first <= since + 1)
        with self._path(segment).open("rb") as file:
            for _ in range(since + 1 - segment):
                file.readline()
            return segment, file.tell()

    def read(self, place: tuple[int, int]) -> tuple[bytes, tuple[int, int]]:
        """Return some whole lines from there on, and where the next ones begin."""
        segment, offset = place
        left = self._sizes[segment] - offset
        if not left:
            later = [first for first in self._sizes if first > segment]
            return self.read((min(later), 0)) if later else (b"", place)
        with self._path(segment).open("rb") as file:
            file.seek(offset)
            data = file.read(min(CHUNK_BYTES, left))
            if not data.endswith(b"\n"):
                whole, newline, _ = data.rpartition(b"\n")
                data = whole + newline if newline else data + file.readline()
        return data, (segment, offset + len(data))

    def give_room(self, had: int) -> None:
        """Drop the oldest segments beyond the cap, if everybody had all of them."""
        while sum(self._sizes.values()) > self._keep_bytes and len(self._sizes) > 1:
            oldest, following = sorted(self._sizes)[:2]
            if had < following - 1:
                return
            replace(self._folder / "asked", "\n".join(self.asked))
            self._path(oldest).unlink()
            del self._sizes[oldest]

    def _path(self, first: int) -> Path:
        return self._folder / "{:012d}.jsonl".format(first)

    def _recover(self) -> None:
        files = sorted(self._folder.glob("*.jsonl"))
        for path in files:
            first = int(path.stem)
            if not self._sizes:
                self.n = first - 1
            if first != self.n + 1:
                path.rename(path.with_suffix(".damaged"))
                continue
            # Only the last ones can have been on their way to the disk.
            self._sizes[first] = self._scan(path, thorough=path in files[-2:])
            os.truncate(str(path), self._sizes[first])
        if (self._folder / "asked").exists():
            self.asked.update((self._folder / "asked").read_text().split())
        self._sizes = self._sizes or {1: 0}

    def _scan(self, path: Path, thorough: bool) -> int:
        good = 0
        with path.open("rb") as file:
            for line in file:
                head = HEAD.match(line)
                if not head or int(head[1]) != self.n + 1 or not line.endswith(b"}\n"):
                    break
                if thorough or head[2] in (b"in", b"agent"):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        break
                    self._note(entry)
                self.n += 1
                good += len(line)
        return good

    def _note(self, entry: dict[str, Any]) -> None:
        """Remember what must be known without reading it all again."""
        message = entry["m"]
        if entry["ch"] == "in":
            self.asked.add(message["header"]["msg_id"])
        if entry["ch"] != "agent":
            return
        if "id" in message:
            self.asked.add(message["id"])
        if message["event"] == "agent_started":
            self._ends[self.boot] = entry["n"] - 1
            self.boot, self.machine = message["boot"], message["machine"]
        elif message["event"] in ("kernel_started", "kernel_adopted"):
            self.kernel_lives = True
        elif message["event"] in ("kernel_died", "shutdown"):
            self.kernel_lives = False


class Wire:
    """Jupyter's messages on ZeroMQ, signed with the kernel's key; buffers travel as base64."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def pack(self, message: Message) -> list[bytes]:
        """Return the frames of a message."""
        parts = [json.dumps(message.get(part) or {}).encode() for part in PARTS]
        buffers = [base64.b64decode(buffer) for buffer in message.get("buffers", ())]
        return [b"<IDS|MSG>", self._sign(parts), *parts, *buffers]

    def unpack(self, frames: list[bytes]) -> Message:
        """Return the message of these frames; ValueError where they are none of our kernel's."""
        start = frames.index(b"<IDS|MSG>")
        signature, parts = frames[start + 1], frames[start + 2 : start + 6]
        if not hmac.compare_digest(signature, self._sign(parts)):
            raise ValueError("the signature is wrong")
        # A kernel may print what is no UTF-8.
        documents = [json.loads(part.decode("utf-8", "replace")) for part in parts]
        message = dict(zip(PARTS, documents))
        if len(frames) > start + 6:
            message["buffers"] = [base64.b64encode(part).decode() for part in frames[start + 6 :]]
        return message

    def _sign(self, parts: list[bytes]) -> bytes:
        return hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode()


class Kernel:
    """The kernel's process: started by this agent, or adopted from one that died.

    It knows nothing of the agent's process, so that it outlives it.
    """

    def __init__(self, folder: Path, python: str, cwd: str) -> None:
        self.pid = 0
        self._folder = folder
        self._python = python
        self._cwd = cwd
        self._child: subprocess.Popen[bytes] | None = None
        self._since: str | None = None
        self._killed_before = 0

    @property
    def connection_file(self) -> Path:
        return self._folder / "kernel.json"

    @property
    def connection(self) -> dict[str, Any]:
        """What the connection file says; sockets in our folder, no ports."""
        read: dict[str, Any] = json.loads(self.connection_file.read_text())
        return read

    def start(self) -> None:
        """Start a new one."""
        for name in self._folder.glob("k-*"):
            name.unlink()
        ports = {"shell": 1, "iopub": 2, "stdin": 3, "hb": 4, "control": 5}
        connection = {
            "transport": "ipc",
            "ip": str(self._folder / "k"),
            "key": uuid.uuid4().hex,
            "signature_scheme": "hmac-sha256",
            "kernel_name": "",
            **{name + "_port": port for name, port in ports.items()},
        }
        replace(self.connection_file, json.dumps(connection))
        # The agent's death must not be the kernel's; and the debugger's warning is none of ours.
        clean = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
        with (self._folder / "kernel.log").open("wb") as log:
            self._child = subprocess.Popen(
                [self._python, "-m", "ipykernel_launcher", "-f", str(self.connection_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._cwd or None,
                env=dict(clean, PYDEVD_DISABLE_FILE_VALIDATION="1"),
                start_new_session=True,
            )
        self._is(self._child.pid)

    def adopt(self) -> bool:
        """Find a kernel of this folder that still lives."""
        wanted = os.fsencode(str(self.connection_file))
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                # Processes that the kernel forked have its command line, but not its session.
                if wanted in words and os.getsid(int(process.name)) == int(process.name):
                    self._child = None
                    self._is(int(process.name))
                    return self.ended() is None
            except OSError:
                continue
        return False

    def ended(self) -> str | None:
        """Return None while it lives, then why it does no more."""
        if self._child is None:
            return "" if not self.pid or start_time(self.pid) != self._since else None
        code = self._child.poll()
        return None if code is None else self._why(code)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        if self.ended() is None:
            os.killpg(self.pid, signal.SIGINT)

    async def end(self) -> None:
        """Wait a little for it to end, then kill all that it started."""
        for _ in range(int(END_SECONDS / 0.05)):
            if self.ended() is not None:
                break
            await asyncio.sleep(0.05)
        if self.pid:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass
        while self.ended() is None:
            await asyncio.sleep(0.02)

    def why_away(self, same_machine: bool) -> str:
        """Say why a kernel is not there any more that nobody watched."""
        if not same_machine:
            return "the instance was stopped or restarted"
        return "it ended while no agent watched: out of memory, or the instance was restarted"

    def _is(self, pid: int) -> None:
        self.pid, self._since = pid, start_time(pid)
        self._killed_before = killed_for_memory()

    def _why(self, code: int) -> str:
        if code == -signal.SIGKILL:
            if killed_for_memory() > self._killed_before:
                return "out of memory: the system killed it"
            return "it was killed (signal 9), probably out of memory"
        if code < 0:
            return "it crashed ({})".format(signal.Signals(-code).name)
        said = (self._folder / "kernel.log").read_text(errors="replace").strip().splitlines()
        return "it ended with status {}{}".format(code, ": " + said[-1] if code and said else "")


class Client:
    """One that is attached: it gets every entry after the last that it had, in whole lines."""

    def __init__(self, agent: Agent, writer: asyncio.StreamWriter) -> None:
        self.more = asyncio.Event()
        self.name = ""
        self.had: int | None = None
        self._agent = agent
        self._writer = writer
        self._place: tuple[int, int] | None = None

    def say(self, document: dict[str, Any]) -> None:
        """Send a line between those of the journal."""
        self._writer.write(as_line(document))

    def greet(self, since: int, boot: str, name: str) -> None:
        """Let it have all entries after `since`."""
        journal = self._agent.journal
        since = journal.after(since, boot)
        self.name, self.had, self._place = name, since, journal.place(since)
        self.say(dict(self._agent.status(), op="welcome", since=since))
        self.more.set()

    async def pump(self) -> None:
        """Send what the journal has, as fast as it is taken."""
        while await self.more.wait():
            self.more.clear()
            while self._place:
                data, self._place = self._agent.journal.read(self._place)
                if not data:
                    break
                self._writer.write(data)
                await self._writer.drain()


class Agent:
    """Journals first, then sends: from the kernel to all clients, from any client to the kernel."""

    def __init__(self, folder: Path, python: str, cwd: str) -> None:
        self.journal = Journal(folder / "journal")
        self._folder = folder
        self._kernel = Kernel(folder, python, cwd)
        self._clients: set[Client] = set()
        self._had: dict[str, list[float]] = self._known_clients()
        self._unwritten: deque[tuple[str, Message, float, Callable[[], None] | None]] = deque()
        self._full = ""
        self._state = "dead"
        self._why = ""
        self._busy: dict[str, float] = {}
        self._idle_since = time.time()
        self._sockets: dict[str, Any] = {}
        self._listening: list[asyncio.Task[None]] = []
        self._early: list[tuple[str, Message]] | None = []
        self._heard: set[str] = set()
        self._adopted_at: int | None = None
        self._left = False
        self._alone_since = time.time()

    def status(self) -> dict[str, Any]:
        """How the kernel, the journal and the agent are."""
        return {
            "op": "status",
            "state": "busy" if self._busy and self._state == "idle" else self._state,
            "why": self._why,
            "busy": next(iter(self._busy), None),
            "idle_since": None if self._busy else self._idle_since,
            "kernel_pid": self._kernel.pid,
            "agent_pid": os.getpid(),
            "boot": self.journal.boot,
            "first": self.journal.first,
            "n": self.journal.n,
            "full": self._full,
            "clients": len(self._clients),
            "folder": str(self._folder),
        }

    async def run(self, may_start: bool) -> None:
        """Serve until the kernel is shut down."""
        path = self._folder / "agent.sock"
        if path.exists():
            path.unlink()
        same_machine = self.journal.machine in ("", machine())
        self._tell("agent_started", boot=uuid.uuid4().hex, machine=machine(), pid=os.getpid())
        if self._kernel.adopt():
            self._tell("kernel_adopted", pid=self._kernel.pid)
            self._adopted_at = self.journal.n
            self._busy = {"": time.time()}
            self._connect()
        else:
            if self.journal.kernel_lives:
                self._died(self._kernel.why_away(same_machine))
            if may_start:
                self._start_kernel()
        server = await asyncio.start_unix_server(self._attached, str(path))
        path.chmod(0o600)
        while not self._left:
            self._look()
            await asyncio.sleep(LOOK_SECONDS)
        server.close()
        path.unlink()
        self.journal.sync()

    def _start_kernel(self) -> None:
        try:
            self._kernel.start()
        except OSError as error:
            self._died("it could not be started: {}".format(error))
            return
        self._adopted_at = None
        self._busy = {}
        self._tell("kernel_started", pid=self._kernel.pid)
        self._connect()

    def _connect(self) -> None:
        """Open the kernel's channels; requests wait until it is heard on all of them."""
        import zmq
        import zmq.asyncio

        self._disconnect()
        self._state, self._why, self._early, self._heard = "starting", "", [], set()
        connection = self._kernel.connection
        self._wire = Wire(connection["key"])
        kinds = {
            "iopub": zmq.SUB,
            "shell": zmq.DEALER,
            "stdin": zmq.DEALER,
            "control": zmq.DEALER,
        }
        for channel, kind in kinds.items():
            end = zmq.asyncio.Context.instance().socket(kind)
            end.linger = 0
            # A kernel throws away what a slow listener does not take.
            end.rcvhwm = end.sndhwm = 0
            if channel == "iopub":
                end.subscribe(b"")
            else:
                end.setsockopt(zmq.IDENTITY, IDENTITY)
            end.connect("ipc://{}-{}".format(connection["ip"], connection[channel + "_port"]))
            self._sockets[channel] = end
            self._listening.append(asyncio.ensure_future(self._listen(channel, end)))
        self._listening.append(asyncio.ensure_future(self._knock()))

    def _disconnect(self) -> None:
        for task in self._listening:
            task.cancel()
        for end in self._sockets.values():
            end.close()
        self._listening, self._sockets = [], {}

    async def _knock(self) -> None:
        """Ask the kernel until it is heard; what is published before is lost to a new listener."""
        while not {"control", "iopub"} <= self._heard:
            self._ask("control")
            await asyncio.sleep(LOOK_SECONDS)

    def _ask(self, channel: str) -> None:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "kernel_info_request",
            "username": "dl_magics",
            "session": SESSION,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "version": "5.3",
        }
        self._sockets[channel].send_multipart(self._wire.pack({"header": header}))

    async def _listen(self, channel: str, end: Any) -> None:
        taken = 0
        while True:
            self._take(channel, await end.recv_multipart())
            taken += 1
            if taken % 100 == 0:
                # In a flood the others must have their turn.
                await asyncio.sleep(0)

    def _take(self, channel: str, frames: list[bytes]) -> None:
        try:
            message = self._wire.unpack(frames)
        except ValueError as error:
            self._tell("unreadable", channel=channel, why=str(error))
            return
        parent, kind = message["parent_header"], message["header"]["msg_type"]
        if parent.get("session") == SESSION:
            self._answered(channel)
        elif kind != "iopub_welcome":
            if kind == "status":
                self._follow(parent.get("msg_id", ""), message["content"]["execution_state"])
            self.record(channel, message)

    def _answered(self, channel: str) -> None:
        """Note that one of our own questions came back."""
        self._heard.add(channel)
        if channel == "shell" and self._adopted_at is not None:
            # All that was asked before our question has ended: what did not come, was lost.
            self._busy.pop("", None)
            self._idle_since = time.time()
            self._tell("settled", before=self._adopted_at)
            self._adopted_at = None
        if self._state == "starting" and {"control", "iopub"} <= self._heard:
            early, self._early = self._early, None
            self._state = "idle"
            if self._adopted_at is not None:
                self._ask("shell")
            self._tell("kernel_ready")
            for to, message in early:
                self._sockets[to].send_multipart(self._wire.pack(message))

    def _follow(self, request: str, state: str) -> None:
        if state == "busy":
            self._busy[request] = time.time()
        elif state == "idle":
            self._busy.pop(request, None)
            self._idle_since = time.time()

    def record(
        self, channel: str, message: Message, then: Callable[[], None] | None = None
    ) -> None:
        """Journal it, then do the rest; while the disk is full, all wait in their order."""
        self._unwritten.append((channel, message, time.time(), then))
        if len(self._unwritten) == 1:
            self._write()

    def _tell(self, event: str, **facts: Any) -> None:
        self.record("agent", dict(facts, event=event))

    def _write(self) -> None:
        full = ""
        while self._unwritten:
            channel, message, at, then = self._unwritten[0]
            try:
                self.journal.append(channel, message, at)
            except OSError as error:
                full = str(error.strerror)
                break
            self._unwritten.popleft()
            if then:
                then()
        for client in self._clients:
            client.more.set()
        if full != self._full:
            self._full = full
            for client in self._clients:
                client.say(self.status())

    def _look(self) -> None:
        """What is looked at several times a second."""
        if self._unwritten:
            self._write()
        if self._state != "dead":
            why = self._kernel.ended()
            if why is not None:
                self._died(why or self._kernel.why_away(same_machine=True))
        now = time.time()
        if self._clients or self._state != "dead":
            self._alone_since = now
        elif now - self._alone_since > LEAVE_SECONDS:
            self._left = True
        for client in self._clients:
            if client.name and client.had is not None:
                self._had[client.name] = [client.had, now]
        here = [client.had for client in self._clients if client.had is not None]
        recent = [int(n) for n, seen in self._had.values() if now - seen < REMEMBER_SECONDS]
        try:
            self.journal.give_room(min(here + recent, default=0))
        except OSError:
            pass  # there is no room to give room; the next look tries again

    def _died(self, why: str) -> None:
        self._disconnect()
        self._state, self._why, self._early, self._busy = "dead", why, [], {}
        self._tell("kernel_died", why=why)

    async def _attached(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self, writer)
        self._clients.add(client)
        pump = asyncio.ensure_future(client.pump())
        try:
            async for line in lines(reader):
                try:
                    await self._obey(client, json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    client.say({"op": "error", "error": repr(error)})
        except OSError:
            pass  # it is gone
        finally:
            pump.cancel()
            self._clients.discard(client)
            self._remember_clients()
            writer.close()

    async def _obey(self, client: Client, wish: dict[str, Any]) -> None:
        kind = wish["op"]
        if kind == "hello":
            client.greet(wish["since"], wish.get("boot", ""), wish.get("client", ""))
        elif kind == "ping":
            client.had = wish.get("had", client.had)
            client.say(dict(self.status(), op="pong"))
        elif kind == "status":
            client.say(self.status())
        elif kind == "send":
            self._pass_on(wish["ch"], wish["m"])
        elif wish["id"] not in self.journal.asked:
            self.journal.asked.add(wish["id"])
            await self._control(kind, wish["id"])

    def _pass_on(self, channel: str, message: Message) -> None:
        """Give the kernel a request; one that comes again after a lost link does not run again."""
        request = message["header"]["msg_id"]
        if request in self.journal.asked:
            return
        self.journal.asked.add(request)

        def send() -> None:
            if self._early is not None:
                self._early.append((channel, message))
            else:
                self._sockets[channel].send_multipart(self._wire.pack(message))

        self.record("in", dict(message, channel=channel), send)

    async def _control(self, kind: str, request: str) -> None:
        if kind == "interrupt":
            self._kernel.interrupt()
            self._tell("interrupted", id=request)
        elif kind in ("restart", "shutdown"):
            await self._end_kernel()
            self._tell("restarting" if kind == "restart" else "shutdown", id=request)
            if kind == "restart":
                self._start_kernel()
            else:
                await self._farewell()

    async def _end_kernel(self) -> None:
        if self._state == "dead":
            return
        if self._early is None:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": "shutdown_request"}
            message = {"header": dict(header, session=SESSION), "content": {"restart": False}}
            self._sockets["control"].send_multipart(self._wire.pack(message))
        self._state, self._early = "dead", []
        await self._kernel.end()
        self._disconnect()
        self._busy = {}

    async def _farewell(self) -> None:
        """Let the clients have the last entries."""
        await asyncio.sleep(LOOK_SECONDS)
        self._left = True

    def _known_clients(self) -> dict[str, list[float]]:
        try:
            known: dict[str, list[float]] = json.loads((self._folder / "had.json").read_text())
        except (OSError, ValueError):
            return {}
        return known

    def _remember_clients(self) -> None:
        try:
            replace(self._folder / "had.json", json.dumps(self._had))
        except OSError:
            pass  # an older one only keeps more


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole lines of any length."""
    parts: list[bytes] = []
    while True:
        chunk = await reader.read(CHUNK_BYTES)
        if not chunk:
            return
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for part in rest:
            yield b"".join(parts)
            parts = [part]


def as_line(document: dict[str, Any]) -> bytes:
    """Return a document as one line of JSON."""
    return json.dumps(document, separators=(",", ":"), default=str).encode() + b"\n"


def replace(path: Path, text: str) -> None:
    """Write a file of ours in one step."""
    fresh = path.with_suffix(".new")
    with open(os.open(str(fresh), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(str(fresh), str(path))


def machine() -> str:
    """Return what changes when the instance boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Return when a process began, None if it lives no more."""
    try:
        fields = Path("/proc/{}/stat".format(pid)).read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def killed_for_memory() -> int:
    """Return how many processes the system killed for want of memory since it booted."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counters.get("oom_kill", 0))


def ask(folder: Path) -> bytes:
    """Ask the agent of this folder how it is; nothing where there is none."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(3)
        try:
            end.connect(str(folder / "agent.sock"))
            end.sendall(as_line({"op": "status"}))
            return end.makefile("rb").readline()
        except OSError:
            return b""


def start(folder: Path, command: list[str]) -> bytes:
    """Start an agent that outlives this process and its session; return how it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    said = ask(folder)
    scope = [] if said else in_a_scope()
    for prefix in [scope, []] if scope else [[]]:
        with (folder / "agent.log").open("ab") as log:
            child = (
                None
                if said
                else subprocess.Popen(
                    [*prefix, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        deadline = time.monotonic() + START_SECONDS
        while not said and time.monotonic() < deadline:
            time.sleep(0.02)
            ended = child is not None and child.poll() is not None
            said = ask(folder)
            if ended and not said:
                break
        if said:
            return said
    tail = (folder / "agent.log").read_text(errors="replace").strip().splitlines()[-1:]
    return as_line({"op": "status", "state": "gone", "why": "".join(tail)})


def in_a_scope() -> list[str]:
    """Return what to put before a command where systemd ends all when a person logs out."""
    asked = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    question = ["busctl", "get-property", *asked.split(), "KillUserProcesses"]
    try:
        said = subprocess.run(
            question, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5
        )
        if said.stdout.split() != [b"b", b"true"]:
            return []
        subprocess.run(["loginctl", "enable-linger"], timeout=5)
    except (OSError, subprocess.SubprocessError):
        return []
    return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]


def run(folder: Path, python: str, cwd: str, may_start: bool) -> None:
    """Be the agent of this folder, if there is no other."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(START_SECONDS)  # the other one answers soon
            return
        asyncio.run(_serve(folder, python, cwd, may_start))


async def _serve(folder: Path, python: str, cwd: str, may_start: bool) -> None:
    agent = Agent(folder, python, cwd)

    def sync() -> None:
        while True:
            time.sleep(SYNC_SECONDS)
            try:
                agent.journal.sync()
            except OSError as error:
                print("The disk did not take the journal:", error, file=sys.stderr, flush=True)

    threading.Thread(target=sync, daemon=True).start()
    await agent.run(may_start)


def attach(folder: Path) -> None:
    """Put the agent's socket on standard input and output."""
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(folder / "agent.sock"))

        def up() -> None:
            while True:
                data = os.read(0, CHUNK_BYTES)
                if not data:
                    end.shutdown(socket.SHUT_WR)
                    return
                end.sendall(data)

        threading.Thread(target=up, daemon=True).start()
        with open(1, "wb", buffering=0, closefd=False) as out:
            while True:
                data = end.recv(CHUNK_BYTES)
                if not data:
                    return
                rest = memoryview(data)
                while rest:
                    rest = rest[out.write(rest) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wish", choices=("start", "adopt", "status", "attach", "run"))
    parser.add_argument("folder", type=lambda word: Path(word).expanduser().absolute())
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cwd", default="")
    parser.add_argument("--adopt-only", action="store_true")
    wishes = parser.parse_args()
    folder = wishes.folder
    if wishes.wish == "attach":
        attach(folder)
    elif wishes.wish == "run":
        run(folder, wishes.python, wishes.cwd, not wishes.adopt_only)
    elif wishes.wish == "status":
        said = ask(folder) or as_line({"op": "status", "state": "gone"})
        sys.stdout.buffer.write(said)
    else:
        command = [sys.executable, os.path.abspath(__file__), "run", str(folder)]
        command += ["--python", wishes.python, "--cwd", wishes.cwd]
        command += ["--adopt-only"] if wishes.wish == "adopt" else []
        sys.stdout.buffer.write(start(folder, command))


if __name__ == "__main__":
    main()

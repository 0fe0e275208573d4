"""Streams data to remote commands: over one stream, or two on a fast connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from dl_magics.errors import CommandFailed, DiskFull, NoAnswer
from dl_magics.ssh.target import SshTarget
from dl_magics.sync.names import printable
from dl_magics.sync.progress import ProgressMeter
from dl_magics.sync.remote.bandwidth import BandwidthEstimate
from dl_magics.sync.remote.shell import close_when_open, encode_text, read_tail
from dl_magics.sync.tar.batch import TarPiece

if TYPE_CHECKING:
    import asyncssh

    _Opening = asyncio.Future[asyncssh.SSHClientProcess[bytes]]

# The shell starts before its command is known; the command is sent as the first line.
_READY = """exec sh -c 'IFS= read -r line && eval "$(printf %b "$line")"'"""
_SLICE = 2**17
# The checksums of a file of a terabyte, and the last error messages.
_MAX_OUTPUT, _MAX_COMPLAINTS = 2**26, 2**16
MAKE_ROOM = "Free some space on the host and run the line again · %aws_ssh df -h shows what is full"

Work = Coroutine[Any, Any, None]


class SyncChannel:
    """The streams to a host; the first one opens while the remote files are listed."""

    def __init__(
        self, remote: asyncssh.SSHClientConnection, login: SshTarget, meter: ProgressMeter
    ) -> None:
        self._pace = BandwidthEstimate()
        self._new = partial(ChannelStream, remote, login, meter, self._pace)
        self._ready = [self._new()]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for stream in self._ready:
            stream.close()

    def stream(self) -> ChannelStream:
        """Return an unused stream."""
        return self._ready.pop() if self._ready else self._new()

    @asynccontextmanager
    async def helped(self, work: Callable[[], Work]) -> AsyncIterator[Callable[[], Work]]:
        """Start `work` once the connection is known to be fast; yield a function that awaits it."""

        async def helping() -> None:
            await self._pace.fast.wait()
            if await self._has_room():
                await work()

        async def helped() -> None:
            if self._pace.fast.is_set():
                await task

        task = asyncio.ensure_future(helping())
        try:
            yield helped
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _has_room(self) -> bool:
        """Open another stream; return False if the host refuses it."""
        import asyncssh

        stream = self._new()
        try:
            await stream.opened()
        except asyncssh.ChannelOpenError:
            return False
        except asyncio.CancelledError:
            stream.close()
            raise
        self._ready.append(stream)
        return True


class ChannelStream:
    """A remote shell that is started before its command, then runs it and receives data."""

    def __init__(
        self,
        remote: asyncssh.SSHClientConnection,
        login: SshTarget,
        meter: ProgressMeter,
        pace: BandwidthEstimate,
    ) -> None:
        self._login, self._meter, self._pace = login, meter, pace
        self._opening: _Opening = asyncio.ensure_future(
            remote.create_process(_READY, encoding=None)
        )
        self._output = b""
        self._complaints = bytearray()
        self._is_full = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def opened(self) -> asyncssh.SSHClientProcess[bytes]:
        """Wait until the shell has started."""
        # A session whose opening is cancelled stays open on the host, and a host allows ten.
        return await asyncio.shield(self._opening)

    def close(self) -> None:
        """Close the shell, even if its command is running."""
        self._opening.add_done_callback(close_when_open)

    async def begin(self, command: str) -> None:
        """Send the command."""
        process = await self.opened()
        self._listening = asyncio.gather(self._listen(process), self._collect(process))
        line = command.replace("\\", "\\\\").replace("\n", "\\n")
        process.stdin.write(encode_text(line) + b"\n")

    async def feed(self, pieces: Iterator[TarPiece]) -> None:
        """Send all pieces; stop early if the command has ended or failed."""
        process = await self.opened()
        with contextlib.suppress(BrokenPipeError):
            while not self._has_ended and (piece := await asyncio.to_thread(next, pieces, None)):
                for at in range(0, len(piece.data), _SLICE):
                    process.stdin.write(piece.data[at : at + _SLICE])
                    await process.stdin.drain()
                self._pace.add(len(piece.data))
                self._meter.add(piece.size, piece.files)

    async def end(self) -> str:
        """Wait for the command to end; return its output, raise an error if it failed."""
        process = await self.opened()
        if not self._has_ended:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write_eof()
            await process.wait_closed()
        process.close()
        await self._listening
        if self._is_full:
            raise DiskFull(
                f"The disk of {self._login.name} is full; incomplete files were not put in place.",
                fix=MAKE_ROOM,
            )
        if process.exit_status is None:
            raise NoAnswer(
                f"The connection to {self._login.name} was lost.",
                fix="Run the same line again to resume.",
            )
        if process.exit_status:
            last = printable(bytes(self._complaints).strip().rpartition(b"\n")[2])
            raise CommandFailed(
                f"{self._login.name} could not receive the files: {last:.200}",
                fix="Run the same line again to resume, or name another folder with --to",
            )
        return self._output.decode(errors="replace")

    @property
    def _has_ended(self) -> bool:
        return self._is_full or self._opening.result().is_closing()

    async def _collect(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._output = await read_tail(process.stdout, _MAX_OUTPUT)

    async def _listen(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        while block := await process.stderr.read(2**16):
            self._complaints = (self._complaints + block)[-_MAX_COMPLAINTS:]
            full = (b"No space left", b"quota exceeded")
            self._is_full = self._is_full or any(each in self._complaints for each in full)

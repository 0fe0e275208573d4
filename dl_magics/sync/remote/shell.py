"""Runs shell scripts on a host: paths that mean what they say, and no more output than expected."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dl_magics.errors import CommandFailed, NoAnswer, NoSuchFile
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget
from dl_magics.sync.names import printable

if TYPE_CHECKING:
    import asyncssh

# What a person has set on the host must not change what the commands do.
PRELUDE = (
    "unset CDPATH TAR_OPTIONS POSIXLY_CORRECT; LC_ALL=C; export LC_ALL;"
    " unset -f cd df find mkdir mv rm tar 2>/dev/null || :\n"
)
# A shell's startup files may print: what counts begins after this line.
MARK = b"dl_magics-sync-begins"
BEGIN = f"{PRELUDE}echo {MARK.decode()}\n"
_MAX_BYTES = 64 * 2**20
_MAX_BYTES_BEFORE = 2**16
_BLOCK = 2**18
_USER = re.compile(r"~[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class RemotePath:
    """What a path on a host is; `path` is absolute, without symbolic links.

    `is_link` says whether the path as it was given is a symbolic link.
    """

    kind: Literal["folder", "file", "none"]
    path: str
    is_link: bool = False


def encode_text(text: str) -> bytes:
    """Return the bytes of a path on the host; names that are not UTF-8 are kept."""
    return text.encode("utf-8", "surrogateescape")


def decode_text(name: bytes) -> str:
    """Return the bytes of a path as text that `encode_text` turns back."""
    return name.decode("utf-8", "surrogateescape")


def quote_path(path: str) -> str:
    """Return a path as a word of a shell: never an option, and never searched in CDPATH."""
    if user := _USER.match(path):
        rest = path[user.end() :]
        if not rest or rest.startswith("/"):
            return user[0] + (f"/{shlex.quote(rest[1:])}" if rest else "")
    return shlex.quote(path if path.startswith("/") else f"./{path}")


def begin_in(folder: str) -> str:
    """Return the first lines of a script that works in a folder; its output begins with `MARK`."""
    return f"{PRELUDE}cd -P -- {quote_path(folder)} || exit 1\necho {MARK.decode()}\n"


async def run_script(
    remote: asyncssh.SSHClientConnection, script: str, *, max_bytes: int = _MAX_BYTES
) -> bytes:
    """Run a script that starts with `BEGIN` or `begin_in` and return its output.

    Raises
    ------
    NoAnswer
        if the connection was lost.
    CommandFailed
        if the script failed or printed more than `max_bytes`.
    """
    output = bytearray()
    async with open_script(remote, script) as running:
        while block := await running.read(_BLOCK):
            output += block
            if len(output) > max_bytes:
                raise CommandFailed(
                    f"The host sent more than {max_bytes:,} bytes in place of a short answer.",
                    fix="Check what its shell prints: %aws_ssh true",
                )
        status, errors = await running.end()
    if status is None:
        raise NoAnswer("The connection was closed.", fix="Run the same line again to resume.")
    if status:
        raise CommandFailed(
            f"The command failed on the host: {printable(errors.strip()):.200}",
            fix="Name another path, or look at the folder: %aws_ssh ls -la",
        )
    return bytes(output)


@asynccontextmanager
async def open_script(
    remote: asyncssh.SSHClientConnection, script: str
) -> AsyncIterator[RunningScript]:
    """Start a script that starts with `BEGIN` or `begin_in`; it is ended with the block."""
    opening = asyncio.ensure_future(remote.create_process("exec sh -s", encoding=None))
    try:
        # A session whose opening is cancelled stays open on the host, and a host allows ten.
        process = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(close_when_open)
        raise
    running = RunningScript(process)
    try:
        process.stdin.write(encode_text(script))
        process.stdin.write_eof()
        yield running
    finally:
        running.close()


class RunningScript:
    """A script that runs on a host, and its output behind `MARK`."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self._complaints = asyncio.ensure_future(read_tail(process.stderr))
        self._begun = False

    async def read(self, size: int) -> bytes:
        """Return the next bytes; b"" is the end, also where the connection was lost."""
        import asyncssh

        before = b""
        try:
            while block := await self._process.stdout.read(size):
                if self._begun:
                    return block
                before += block
                _, mark, after = before.partition(MARK + b"\n")
                self._begun = bool(mark)
                if after:
                    return after
                if len(before) > _MAX_BYTES_BEFORE:
                    raise CommandFailed(
                        "The shell of the host prints too much before it runs a command.",
                        fix="Check its startup files, such as .bashrc: %aws_ssh true",
                    )
        except (asyncssh.Error, OSError):
            pass
        return b""

    async def end(self) -> tuple[int | None, bytes]:
        """Wait for the end; return the exit status, None after a lost connection, and errors."""
        await self._process.wait_closed()
        return self._process.exit_status, await self._complaints

    def close(self) -> None:
        """End the script, without waiting for the host."""
        self._complaints.cancel()
        self._process.channel.abort()


def close_when_open(opening: asyncio.Future[asyncssh.SSHClientProcess[bytes]]) -> None:
    """End a process once its session is open."""
    if not opening.cancelled() and not opening.exception():
        opening.result().close()


async def read_tail(reader: asyncssh.SSHReader[bytes], size: int = _MAX_BYTES_BEFORE) -> bytes:
    """Read a stream to its end; return the last bytes."""
    tail = bytearray()
    while block := await reader.read(_BLOCK):
        tail += block
        if len(tail) > 2 * size:
            del tail[:-size]
    return bytes(tail[-size:])


async def locate(target: SshTarget, path: str) -> RemotePath:
    """Return what a path on the host is; `~` and `~user` are the home folders there.

    Raises
    ------
    NoSuchFile
        If there is no such user.
    """
    script = (
        f"{BEGIN}p={quote_path(path)}\n"
        "case $p in '~'*) printf 'none\\n\\n%s' \"$p\"; exit;; esac\n"
        'l=; if [ -h "$p" ]; then l=link; fi\n'
        'r=$(readlink -f -- "$p" && echo .) && p=${r%??}\n'
        'if [ -d "$p" ]; then d=$(cd -P -- "$p" && pwd && echo .) && p=${d%??}; echo folder\n'
        'elif [ -e "$p" ]; then echo file; else echo none; fi\n'
        'printf \'%s\\n%s\' "$l" "$p"\n'
    )
    remote = await connection.connect_shared(target)
    with connection.translate_errors(target):
        output = await run_script(remote, script)
    kind, _, rest = decode_text(output).partition("\n")
    link, _, found = rest.partition("\n")
    if found.startswith("~"):
        raise NoSuchFile(
            f"There is no user {printable(found.partition('/')[0])} on {target.name}.",
            fix="~ is the home folder of the user that you log in as.",
        )
    known: dict[str, Literal["folder", "file"]] = {"folder": "folder", "file": "file"}
    return RemotePath(known.get(kind, "none"), found, is_link=link == "link")

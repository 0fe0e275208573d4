"""Lists a folder of a host with one command, using only standard tools."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from dl_magics.errors import CommandFailed, NoAnswer
from dl_magics.sync.diff import STAGE, FileEntry, Tree

if TYPE_CHECKING:
    import asyncssh

_KINDS: dict[bytes, Literal["file", "folder", "link"]] = {
    b"f": "file",
    b"d": "folder",
    b"l": "link",
}
_SECOND = 10**9


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """The content of a remote folder; `staged` is left from an incomplete earlier sync."""

    kind: Literal["folder", "file", "none"]
    free_bytes: int = 0
    tree: Tree = field(default_factory=dict)
    staged: Tree = field(default_factory=dict)


async def list_remote(
    remote: asyncssh.SSHClientConnection,
    folder: str,
    names: Collection[str] = (),
    *,
    make: bool = False,
) -> RemoteListing:
    """Return the content of a remote folder; with `names`, only of these."""
    done = await remote.run(
        "exec sh -s", input=_script(folder, names, make), check=False, encoding=None
    )
    if done.exit_status is None:
        raise NoAnswer("The connection was closed.", fix="Run the same line again to resume.")
    if done.exit_status:
        errors = as_bytes(done.stderr).decode(errors="replace").strip()
        raise CommandFailed(
            f"{folder} cannot be used on the host: {errors:.200}",
            fix="Name another folder with --to",
        )
    return parse_listing(as_bytes(done.stdout))


def parse_listing(output: bytes) -> RemoteListing:
    """Parse the output of remote_listing.sh."""
    kind, _, rest = output.partition(b"\n")
    if kind == b"folder":
        free, _, listed = rest.partition(b"\n")
        words = listed.split(b"\0")
        if words[-2:] != [b"end", b""]:
            raise NoAnswer(
                "The file listing was cut off.", fix="Run the same line again to resume."
            )
        return _listing(1024 * int(free), words[:-2])
    return RemoteListing("file" if kind == b"file" else "none")


def _listing(free: int, words: list[bytes]) -> RemoteListing:
    stage = STAGE.encode()
    all_: Tree = {}
    staged: Tree = {}
    for kind, size, time, path, target in zip(*[iter(words)] * 5, strict=True):
        name = path.removeprefix(b"./")
        if name == b"." or name == stage:
            continue
        entry = FileEntry(_KINDS.get(kind, "other"), int(size), _ns(time), target)
        if entry.kind == "folder":
            entry = FileEntry("folder")
        elif entry.kind == "link":
            entry = FileEntry("link", target=target)
        inside = name.partition(b"/")[0] == stage
        (staged if inside else all_)[name] = entry
    travels = {name: each for name, each in all_.items() if stage not in name.split(b"/")}
    return RemoteListing("folder", free, travels, staged)


def as_bytes(output: bytes | str | None) -> bytes:
    """Return the output of a process that was started without an encoding."""
    return output if isinstance(output, bytes) else b""


def _ns(time: bytes) -> int:
    """Return a time such as 1700000000.1234567890 in nanoseconds."""
    seconds, _, part = time.partition(b".")
    return int(seconds) * _SECOND + int(part[:9].ljust(9, b"0"))


def _script(folder: str, names: Collection[str], make: bool) -> bytes:
    here = shlex.quote(folder)
    starts = [f"./{name}" for name in (*names, STAGE)] if names else ["."]
    script = files("dl_magics.sync").joinpath("remote_listing.sh").read_text("utf-8")
    script = script.replace("@MAKE@", f"mkdir -p -- {here} || exit 1" if make else "")
    script = script.replace("@STARTS@", shlex.join(starts)).replace("@FOLDER@", here)
    return script.encode()

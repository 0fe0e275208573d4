"""Lists a folder of a host with one command, using only standard tools."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from dl_magics.errors import CommandFailed, NoAnswer
from dl_magics.sync.diff import STAGE, FileEntry, Kind, Tree
from dl_magics.sync.names import is_valid_name, printable
from dl_magics.sync.remote import shell

if TYPE_CHECKING:
    import asyncssh

_KINDS: dict[bytes, Kind] = {b"f": "file", b"d": "folder", b"u": "folder", b"l": "link"}
_SECOND = 10**9
_WORDS = 6
# A hundred times the files of a large project; a host that sends more would fill the memory.
MAX_ENTRIES = 4_000_000
MAX_BYTES = 512 * 2**20
_MAX_WORD = 2**16
# A number of this length holds the size of any disk and any time.
_MAX_DIGITS = 24


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """The content of a remote folder; `staged` is left from an incomplete earlier sync."""

    kind: Literal["folder", "file", "none"]
    free_bytes: int = 0
    tree: Tree = field(default_factory=dict)
    staged: Tree = field(default_factory=dict)
    mode: int | None = None


async def list_remote(
    remote: asyncssh.SSHClientConnection,
    folder: str,
    names: Collection[str] = (),
    *,
    make: bool = False,
    mode: int | None = None,
) -> RemoteListing:
    """Return the content of a remote folder; with `names`, only of these.

    With `make`, the folder is created if it is missing, with the permissions `mode`.
    """
    try:
        return parse_listing(
            await shell.run_script(
                remote, _script(folder, names, make=make, mode=mode), max_bytes=MAX_BYTES
            )
        )
    except CommandFailed as error:
        raise CommandFailed(
            f"{printable(folder)} cannot be used on the host: {error}",
            fix=f"Check its permissions: %aws_ssh ls -ld {shell.quote_path(folder)} · or name "
            "another folder.",
        ) from error


def parse_listing(output: bytes) -> RemoteListing:
    """Parse the output of listing.sh.

    Raises
    ------
    NoAnswer
        if it is not complete.
    CommandFailed
        if the host lists what cannot lie in a folder.
    """
    kind, _, rest = output.partition(b"\n")
    if kind == b"folder":
        free, _, listed = rest.partition(b"\n")
        if not listed.endswith(b"end\0"):
            raise NoAnswer(
                "The file listing was cut off.", fix="Run the same line again to resume."
            )
        try:
            return _listing(1024 * _number(free), listed.removesuffix(b"end\0"))
        except ValueError as error:
            raise CommandFailed(
                f"The host sent a listing that is not valid: {error}",
                fix="Nothing was transferred. Check the folder on the host: %aws_ssh ls -la",
            ) from error
    return RemoteListing("file" if kind == b"file" else "none")


def _listing(free: int, listed: bytes) -> RemoteListing:
    stage = STAGE.encode()
    all_: Tree = {}
    staged: Tree = {}
    mode = None
    count = listed.count(b"\0")
    if count % _WORDS:
        raise ValueError("a name is incomplete")
    if count > MAX_ENTRIES * _WORDS:
        raise ValueError(f"it has more than {MAX_ENTRIES:,} names; synchronize its subfolders")
    at = 0
    for _ in range(count // _WORDS):
        words = []
        for _ in range(_WORDS):
            end = listed.index(b"\0", at)
            words.append(listed[at:end])
            at = end + 1
        name, entry = _parse_entry(words)
        if name == b".":
            if not entry.is_listed:
                raise CommandFailed("Permission denied", fix="%aws_ssh ls -la")
            mode = entry.mode
        elif name != stage:
            inside = name.partition(b"/")[0] == stage
            (staged if inside else all_)[name] = entry
    travels = {name: each for name, each in all_.items() if stage not in name.split(b"/")}
    return RemoteListing("folder", free, travels, staged, mode)


def _parse_entry(words: list[bytes]) -> tuple[bytes, FileEntry]:
    kind_, size, time, mode_, path, target = words
    name = path.removeprefix(b"./")
    if max(len(name), len(target)) > _MAX_WORD:
        raise ValueError(f"a name has {max(len(name), len(target)):,} bytes")
    if path != b"." and not (name != path and is_valid_name(name, windows=False)):
        raise ValueError(f"{printable(path):.200} does not lie in the folder")
    kind = _KINDS.get(kind_, "other")
    mode = int(mode_, 8) & 0o7777 if mode_ and kind != "link" else None
    if kind == "folder":
        return name, FileEntry("folder", mode=mode, is_listed=kind_ != b"u")
    if kind == "link":
        return name, FileEntry("link", target=target)
    return name, FileEntry(kind, _number(size), _ns(time), mode=mode)


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise ValueError(f"{printable(digits):.40} is not a size")
    return int(digits)


def _ns(time: bytes) -> int:
    """Return a time such as 1700000000.1234567890 in nanoseconds."""
    seconds, _, part = time.partition(b".")
    if len(seconds) > _MAX_DIGITS:
        raise ValueError(f"{printable(time):.40} is not a time")
    return int(seconds) * _SECOND + int(part[:9].ljust(9, b"0"))


def _script(folder: str, names: Collection[str], *, make: bool, mode: int | None = None) -> str:
    here = shell.quote_path(folder)
    starts = [f"./{name}" for name in (*names, STAGE)] if names else ["."]
    script = files("dl_magics.sync.remote").joinpath("listing.sh").read_text("utf-8")
    chmod = f" && chmod {mode:o} {here}" if mode is not None else ""
    make_it = f"[ -d {here} ] || {{ mkdir -p -- {here}{chmod}; }} || exit 1" if make else ""
    script = script.replace("@MAKE@", make_it)
    return shell.BEGIN + script.replace("@STARTS@", shlex.join(starts)).replace("@FOLDER@", here)

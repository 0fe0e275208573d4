"""Odd names, kinds and states of files, up and down: one sync of all, then a look at each."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dl_magics.sync.diff import STAGE
from support.files import fetch, send

SECOND = 10**9
YEAR = 31_556_952 * SECOND
UNREADABLE = "not a regular file, or not readable"
OUTSIDE = "the link points outside the folder"
BACK = "the link leads back through another folder, possibly outside"


@dataclass(frozen=True)
class Row:
    """What `make` creates in a folder arrives as it is, but for the names in `skipped`.

    `up` and `down` are names that are skipped in one direction only.
    """

    make: Callable[[Path], Any]
    skipped: dict[str, str] = field(default_factory=dict)
    up: dict[str, str] = field(default_factory=dict)
    down: dict[str, str] = field(default_factory=dict)


def named(*names: str) -> Row:
    """A file of each name."""
    return Row(lambda folder: [(folder / name).write_text(repr(name)) for name in names])


def linked(target: str | bytes, *, where: str = "link", **skipped: Any) -> Row:
    def make(folder: Path) -> None:
        (folder / "d" / "e").mkdir(parents=True)
        (folder / "d" / "f").write_text("f")
        (folder / where).symlink_to(os.fsdecode(target))

    return Row(make, **skipped)


def sized(size: int) -> Row:
    return Row(lambda folder: (folder / "f").write_bytes(os.urandom(size)))


def at_time(mtime_ns: int) -> Row:
    def make(folder: Path) -> None:
        (folder / "f").write_text("x")
        os.utime(folder / "f", ns=(mtime_ns, mtime_ns))

    return Row(make)


def with_mode(mode: int) -> Row:
    def make(folder: Path) -> None:
        (folder / "f").write_text("x")
        (folder / "f").chmod(mode)

    return Row(make)


def folder_with_mode(mode: int) -> Row:
    def make(folder: Path) -> None:
        (folder / "d").mkdir()
        (folder / "d" / "f").write_text("x")
        (folder / "d").chmod(mode)

    return Row(make)


def make_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        before = os.open(".", os.O_RDONLY)
        os.chdir(folder)
        listening.bind("s")
        os.fchdir(before)
        os.close(before)


def make_sparse(folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.seek(5 * 2**20)
        file.write(b"end")


def make_hard_links(folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "one").write_text("shared")
    for name in ("two", "d/three"):
        os.link(folder / "one", folder / name)


def make_too_deep(folder: Path) -> None:
    """A path of more bytes than the system takes as one."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=at)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


ROWS = {
    "an empty file": Row(lambda f: (f / "f").touch()),
    "an empty folder": Row(lambda f: (f / "d").mkdir()),
    "empty folders in each other": Row(lambda f: (f / "a" / "b" / "c").mkdir(parents=True)),
    "a hundred files": named(*map(str, range(100))),
    # names
    "the longest name": named("n" * 255),
    "the longest name of two bytes a letter": named("é" * 127),
    "a long path": Row(lambda f: (f / "/".join(["x" * 250] * 8)).mkdir(parents=True)),
    "spaces": named(" ", "a b", " leading", "trailing "),
    "a newline": named("a\nb", "\n", "ends\n"),
    "a carriage return": named("a\rb"),
    "a tab": named("a\tb"),
    "an escape sequence": named("\x1b[31mred"),
    "a single quote": named("it's", "'"),
    "double quotes": named('"q"'),
    "a backslash": named("a\\b", "\\", "\\n", "c:\\x"),
    "a dollar": named("$HOME", "$(id)", "${x}"),
    "backticks": named("`id`"),
    "a star": named("*", "a*b"),
    "a question mark": named("?", "[x]"),
    "braces": named("{a,b}", "{x}"),
    "a tilde": named("~", "~root", "x~"),
    "one dash": named("-"),
    "dashes": named("--", "-rf", "--help"),
    "an option of tar": named("--checkpoint=1", "--checkpoint-action=exec=sh x"),
    "an at sign": named("@f"),
    "dots": named(".hidden", "..x", "..."),
    "a hash": named("#x#"),
    "a percent sign": named("%s", "%00", "100%"),
    "an exclamation mark": named("!x", "!!"),
    "a semicolon": named("a;b", ";"),
    "an ampersand": named("a&b", "&"),
    "a pipe sign": named("a|b"),
    "less and greater": named("<a>", ">", "<"),
    "a colon": named("a:b", "host:x"),
    "an equals sign": named("a=b", "="),
    "no UTF-8": named("\udcff", "caf\udce9", "\udcc3"),
    "NFC": named("\u00e9"),
    "NFD": named("e\u0301"),
    "NFC beside NFD": named("\u00e9", "e\u0301"),
    "an emoji": named("🐱", "👩‍👩‍👧", "🏳️‍🌈"),
    "Chinese, Arabic, Thai": named("猫", "قط", "แมว"),
    "right to left": named("\u202egnp.exe"),
    "zero width": named("a\u200bb", "a\ufeffb"),
    "case twins": named("README", "readme", "Readme"),
    "folders that are case twins": Row(lambda f: [(f / n / n).mkdir(parents=True) for n in "aA"]),
    "reserved on Windows": named("CON", "nul.txt", "aux", "COM1"),
    "a dot at the end": named("x.", "y.."),
    "names of the staging folder": named("new", "old", "time", "finish", "finish.2"),
    "names of tar": named("@LongLink", "@PaxHeader"),
    "a number": named("0", "007", "1e3"),
    # kinds
    "a link to a file": linked("d/f"),
    "a link to a folder": linked("d"),
    "a link to its own folder": linked("."),
    "a link upwards": linked("../f", where="d/link"),
    "a link to the top": linked("../..", where="d/e/link"),
    "a link to a link": Row(lambda f: [(f / n).symlink_to(t) for n, t in (("a", "b"), ("b", "c"))]),
    "a broken link": linked("nothing"),
    "a link to itself": linked("link"),
    "links in a circle": Row(lambda f: [(f / n).symlink_to(t) for n, t in ("ab", "ba")]),
    "a link with a long target": linked("d/" * 400 + "f"),
    "a link with an odd target": linked(b"a\nb \xff'"),
    "a link that ends in a slash": linked("d/"),
    "an absolute link": linked("/etc/passwd", skipped={"link": OUTSIDE}),
    "a link outside": linked("../" * 9 + "etc", skipped={"link": OUTSIDE}),
    "a link back through a folder": linked("d/e/../f", down={"link": BACK}),
    "hard links": Row(make_hard_links),
    "a fifo": Row(lambda f: os.mkfifo(f / "fifo"), {"fifo": UNREADABLE}),
    "a socket": Row(make_socket, {"s": UNREADABLE}),
    # contents
    "one byte": sized(1),
    "a block of tar": sized(512),
    "a block of tar and one byte": sized(513),
    "a record of tar": sized(10_240),
    "more than a chunk": sized(2**20 + 1),
    "a sparse file": Row(make_sparse),
    # times
    "1970": at_time(0),
    "the last second of 1969": at_time(-SECOND),
    "a fraction of a second before 1970": at_time(-SECOND // 2),
    "1902": at_time(-68 * YEAR),
    "after 2038": at_time(70 * YEAR),
    "after 2106": at_time(140 * YEAR),
    "after 2242": at_time(300 * YEAR),
    "nanoseconds": at_time(1_700_000_000_123_456_789),
    # permissions
    "private": with_mode(0o600),
    "of a group": with_mode(0o664),
    "executable": with_mode(0o755),
    "a private program": with_mode(0o700),
    "read-only": with_mode(0o444),
    "read-only and private": with_mode(0o400),
    "execute only for others": with_mode(0o711),
    "set-user-ID": with_mode(0o4755),
    "set-group-ID": with_mode(0o2750),
    "sticky": with_mode(0o1644),
    "a private folder": folder_with_mode(0o700),
    "a folder of a group": folder_with_mode(0o775),
    "a folder that its owner cannot write": folder_with_mode(0o555),
    "writable for everyone": with_mode(0o666),
    "a sticky folder": folder_with_mode(0o1775),
}
if os.geteuid() == 0:
    ROWS["no permissions"] = with_mode(0o000)
    ROWS["a device"] = Row(lambda f: make_device(f), {"device": UNREADABLE})
else:
    ROWS["unreadable"] = Row(
        with_mode(0o000).make,
        up={"f": "permission denied"},
        down={"f": "it is not readable, or keeps changing"},
    )


def make_device(folder: Path) -> None:
    try:
        os.mknod(folder / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:  # a container may forbid it; a pipe is skipped in the same way
        os.mkfifo(folder / "device")


@dataclass(frozen=True)
class Synced:
    source: Path
    destination: Path
    skipped: dict[str, str]
    again: int


@pytest.fixture(scope="module", params=["up", "down"])
def synced(request, shared_host, tmp_path_factory) -> Iterator[tuple[str, Synced]]:
    """Everything in the table, transferred in one direction, and again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", str(tmp_path_factory.mktemp("home")))
        shared_host.pin()
        here, there = tmp_path_factory.mktemp("here") / "all", shared_host.home / "all"
        source, destination = (here, there) if request.param == "up" else (there, here)
        for label, row in ROWS.items():
            (source / label).mkdir(parents=True)
            row.make(source / label)
        (source / "too deep").mkdir()
        make_too_deep(source / "too deep")
        (source / "left over" / STAGE).mkdir(parents=True)
        (source / "left over" / STAGE / "part").write_text("of another sync")
        transfer = send if request.param == "up" else fetch
        first = transfer(shared_host, here, "all")
        again = transfer(shared_host, here, "all")
    yield request.param, Synced(source, destination, dict(first.skipped), again.files_total)
    shutil.rmtree(there)


@pytest.mark.parametrize("label", ROWS)
def test_it_arrives_as_it_is_or_is_named(synced, label):
    direction, both = synced
    row = ROWS[label]
    skipped = row.skipped | (row.up if direction == "up" else row.down)

    arrived = seen_in(both.destination / label)

    assert arrived == {
        name: as_it_arrives(entry, direction)
        for name, entry in seen_in(both.source / label).items()
        if name not in skipped
    }
    named = {name: why for name, why in both.skipped.items() if name.startswith(f"{label}/")}
    assert named == {f"{label}/{name}": why for name, why in skipped.items()}


def test_only_what_cannot_be_read_is_tried_again(synced):
    _, both = synced

    assert both.again == sum("not readable, or" in why for why in both.skipped.values())


def test_a_path_that_is_too_long_is_named(synced):
    _, both = synced

    assert [name for name in both.skipped if name.startswith("too deep/x")]


def test_a_staging_folder_of_another_sync_stays_where_it_is(synced):
    _, both = synced

    assert list((both.destination / "left over").iterdir()) == []
    assert not (both.destination / STAGE).exists()


def as_it_arrives(entry: tuple[Any, ...], direction: str) -> tuple[Any, ...]:
    kind, mode, *rest = entry
    if kind == "folder":
        mode = mode & 0o775 | 0o700
    elif kind == "file":
        mode = mode & 0o777 if direction == "up" else mode & 0o775 | 0o400
    return (kind, mode, *rest)


def seen_in(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that can be seen of the files in a folder: type, permissions, content, time."""
    seen: dict[str, tuple[Any, ...]] = {}
    for path in folder.rglob("*"):
        facts = path.lstat()
        mode = stat.S_IMODE(facts.st_mode)
        if stat.S_ISLNK(facts.st_mode):
            entry: tuple[Any, ...] = ("link", None, path.readlink())
        elif stat.S_ISREG(facts.st_mode):
            content = path.read_bytes() if os.access(path, os.R_OK) else b""
            entry = ("file", mode, content, facts.st_mtime_ns)
        else:
            kind = "folder" if stat.S_ISDIR(facts.st_mode) else "special"
            entry = (kind, mode)
        seen[os.fspath(path.relative_to(folder))] = entry
    return seen

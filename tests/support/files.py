"""Two folders, one here and one on a host, and what goes between them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dl_magics.ssh import blocking
from dl_magics.sync import download, upload
from dl_magics.sync.progress import SyncProgress
from dl_magics.sync.spec import SyncJob


def send(host: Any, root: Path, folder: str = "data", **more: Any) -> SyncProgress:
    return list(
        blocking.iterate_over(upload.upload_files(SyncJob(host.login, root, folder, **more)))
    )[-1]


def fetch(host: Any, root: Path, folder: str = "data", **more: Any) -> SyncProgress:
    return list(
        blocking.iterate_over(download.download_files(SyncJob(host.login, root, folder, **more)))
    )[-1]


@contextmanager
def program(host: Any, name: str, does: str) -> Iterator[None]:
    """Let a host have another program of this name for a while."""
    file = host.folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
    try:
        yield
    finally:
        file.unlink()


def without_root() -> list[str]:
    """Return the first words of a command to which permissions apply, also where root starts it."""
    return [] if os.getuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@contextmanager
def unlisted(folder: Path) -> Iterator[None]:
    """Let a folder be entered, but not listed, as macOS does it with the desktop."""
    folder.chmod(0o311)
    try:
        yield
    finally:
        folder.chmod(0o755)


@contextmanager
def find_without_root(host: Any) -> Iterator[None]:
    """Let a host list its folders as an ordinary user does it."""
    with program(host, "find", shlex.join([*without_root(), "/usr/bin/find"]) + ' "$@"'):
        yield


def lies_in(root: Path) -> dict[bytes, Any]:
    """All that can be seen of a folder: bytes, times and links."""
    return {os.fsencode(path.relative_to(root)): _seen(path) for path in root.rglob("*")}


def _seen(path: Path) -> Any:
    if path.is_symlink():
        return path.readlink()
    return (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else "folder"


_part = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & {0, ord("/")} and name not in (b".", b"..")
) | st.sampled_from([b"-rf", b"a b", b"it's", b"new\nline", b"\xff", "ü".encode(), b"n" * 200])
_content = st.tuples(st.binary(max_size=2000), st.integers(0, 2 * 10**18))
trees = st.recursive(
    st.dictionaries(_part, _content, max_size=3),
    lambda inner: st.dictionaries(_part, inner | _content, max_size=4),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


def plant(root: Path, tree: dict[bytes, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, what in tree.items():
        path = root / os.fsdecode(name)
        if isinstance(what, dict):
            plant(path, what)
        else:
            content, mtime_ns = what
            path.write_bytes(content)
            os.utime(path, ns=(mtime_ns, mtime_ns))


@contextmanager
def locked(name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock of `dl_magics.store.lock`, and a child that it forked."""
    code = (
        "import os, sys, time; from dl_magics.store import lock;"
        "assert lock.hold_until_exit(sys.argv[1]); child = os.fork();"
        "child or print(os.getpid(), flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    child = int(process.stdout.readline())
    yield process
    process.kill()
    os.kill(child, signal.SIGKILL)
    process.communicate()

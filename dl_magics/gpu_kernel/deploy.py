"""The agent as one file for the instance: a zip that Python runs as it is."""

from __future__ import annotations

import hashlib
import io
import shlex
import uuid
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncssh

_AGENT = Path(__file__).with_name("agent")
_MAIN = "import sys\nfrom agent.__main__ import main\nmain([sys.executable, sys.argv[0]])\n"


@cache
def packed() -> bytes:
    """Return the file: the same bytes for the same agent."""
    files = {f"agent/{path.name}": path.read_text("utf-8") for path in _AGENT.glob("*.py")}
    parcel = io.BytesIO()
    with zipfile.ZipFile(parcel, "w") as into:
        for name, text in sorted({**files, "__main__.py": _MAIN}.items()):
            into.writestr(zipfile.ZipInfo(name), text)
    return parcel.getvalue()


def name() -> str:
    """How it is called on the instance; the name changes with what is in it."""
    return f"agent-{hashlib.sha256(packed()).hexdigest()[:12]}.pyz"


def command(run_dir: str, python: str, wish: str, *options: str) -> str:
    """Return the command that runs the agent's file, which lies beside the run folder."""
    file = PurePosixPath(run_dir).parent / name()
    return shlex.join([python, str(file), wish, run_dir, *options])


async def put(there: asyncssh.SSHClientConnection, run_dir: str) -> str:
    """Put the file beside the run folder, if it is not there; return the whole run folder."""
    async with there.start_sftp_client() as files:
        home = str(await files.realpath("."))
        folder = PurePosixPath(home, run_dir.removeprefix("~/"))
        file = str(folder.parent / name())
        if not await files.exists(file):
            await files.makedirs(str(folder.parent), exist_ok=True)
            await files.chmod(str(folder.parent), 0o700)
            fresh = f"{file}.{uuid.uuid4().hex[:8]}"
            async with files.open(fresh, "wb") as to:
                await to.write(packed())
            await files.posix_rename(fresh, file)
    return str(folder)

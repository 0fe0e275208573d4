"""The agent as one file for the host: a zip that Python runs directly."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path, PurePosixPath

from dl_magics.remote_code import bundle
from dl_magics.ssh import sftp
from dl_magics.ssh.target import SshTarget

_AGENT = Path(__file__).with_name("agent")
_MAIN = b"import sys\nfrom agent.__main__ import main\nmain([sys.executable, sys.argv[0]])\n"


@cache
def pack_agent() -> bytes:
    """Return the content of the file: the same bytes for the same agent."""
    files = {f"agent/{path.name}": path.read_bytes() for path in _AGENT.glob("*.py")}
    return bundle.build_zip({**files, "__main__.py": _MAIN})


def archive_name() -> str:
    """Return the name of the file on the host, which changes with its content."""
    return bundle.name_by_content("agent", pack_agent(), ".pyz")


def build_command(run_dir: str, python: str, command: str, *options: str) -> str:
    """Return the command that runs the agent's file, which is next to the run folder."""
    file = PurePosixPath(run_dir).parent / archive_name()
    return shlex.join([python, str(file), command, run_dir, *options])


async def upload_agent(target: SshTarget, run_dir: str) -> str:
    """Upload the file next to the run folder if it is missing; return the absolute run folder."""
    folder = PurePosixPath(run_dir.removeprefix("~/"))
    file = await sftp.upload_once(target, pack_agent(), str(folder.parent), archive_name())
    return str(PurePosixPath(file).with_name(folder.name))

"""The real aws command, for tests of shell scripts.

It is imported once and then forked for each call: to start it takes a second of a processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[3] / "build/awscli/bin/python"
_CLIENT = """\
#!{python} -ISE
import json, os, socket, sys
call = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
server = socket.socket(socket.AF_UNIX)
os.chdir({folder!r})
server.connect("aws.sock")
socket.send_fds(server, [len(call).to_bytes(4, "big")], [0, 1, 2])
server.sendall(call)
sys.exit(server.recv(1)[0])
"""


@pytest.fixture(scope="session")
def aws_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the command, for the front of a PATH; without it the test is skipped."""
    if not PYTHON.exists():
        pytest.skip("the aws command is not installed")
    folder = tmp_path_factory.mktemp("aws")
    client = folder / "aws"
    client.write_text(_CLIENT.format(python=sys.executable, folder=str(folder)))
    client.chmod(0o700)
    server = Path(__file__).with_name("server.py")
    process = subprocess.Popen([PYTHON, "-I", server], cwd=folder)
    while not (folder / "aws.sock").exists():
        assert process.poll() is None
        time.sleep(0.05)
    yield folder
    process.terminate()
    process.wait()


def make_environment(aws_command: Path) -> dict[str, str]:
    """Return a minimal environment in which a shell finds the command."""
    path = f"{aws_command}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "AWS_PAGER": "", "HOME": os.environ["HOME"]}

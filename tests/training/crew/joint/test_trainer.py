from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from dl_magics import errors
from dl_magics.training.crew.frames import Frame, read_blocking

MARK = "a-mark"
PROGRAM = f"from dl_magics.training.crew.joint.trainer import main; main({MARK!r})"


@contextmanager
def trainer(connection):
    """Start a process as SSH does, and skip what its shell may print."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "SSH_CONNECTION": connection},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        while (line := process.stdout.readline()).strip() != MARK.encode():
            assert line, "it ended without the mark"
        yield process


def send(process, op, **values):
    process.stdin.write(Frame({"op": op, **values}).encode())
    process.stdin.flush()


@pytest.mark.parametrize(
    ("connection", "said"), [("203.0.113.9 50000 8.8.8.8 22", "8.8.8.8"), ("", "unknown")]
)
def test_a_host_with_a_public_address_does_not_train_with_others(connection, said):
    with trainer(connection) as process:
        failed = read_blocking(process.stdout).values

        assert (failed["op"], failed["type"]) == ("failed", errors.BadSetting.__name__)
        assert f"its own address is {said}: hosts that train together" in failed["message"]
        assert "%aws_launch TYPE --count 2" in failed["fix"]


def test_a_host_that_cannot_connect_to_another_one_says_so_and_ends_with_its_input():
    with (
        socket.create_server(("127.0.0.1", 0)) as free,
        trainer("127.0.0.1 50000 127.0.0.1 22") as process,
    ):
        hello = read_blocking(process.stdout).values
        assert (hello["op"], hello["address"]) == ("hello", "127.0.0.1")
        send(process, "meet", address="127.0.0.1", port=hello["port"])
        assert read_blocking(process.stdout).op == "met"
        port = free.getsockname()[1]
        free.close()
        send(process, "meet", address="127.0.0.1", port=port)
        failed = read_blocking(process.stdout).values
        assert (failed["op"], failed["type"]) == ("failed", errors.NoAnswer.__name__)
        assert f"cannot connect to 127.0.0.1, port {port}: " in failed["message"]
        assert "The security group must let its members connect" in failed["fix"]

    with trainer("127.0.0.1 50000 127.0.0.1 22") as process:
        assert read_blocking(process.stdout).op == "hello"
        process.stdin.close()
        assert process.wait(60) == 0

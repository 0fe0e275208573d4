from __future__ import annotations

import socket
import subprocess
import sys

import psutil
import pytest

from dl_magics.practice.last_use import LastUse
from support.ec2_client import until

MINUTES = 60.0
CONNECTS = """
import socket, sys
connected = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""
COMPUTES = """
import sys, time
sys.stdin.readline()
while time.process_time() < 1:
    pass
print("ready", flush=True)
sys.stdin.read()
"""
IDLES = """
import sys
print("ready", flush=True)
sys.stdin.read()
"""


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start():
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for each in started:
        each.kill()
        each.communicate()


def is_over_after(last_use, clock, minutes):
    clock.now += minutes * MINUTES
    return last_use.is_over()


def test_the_use_is_over_ten_minutes_after_the_last_request(clock):
    last_use = LastUse(list, 10 * MINUTES, clock)
    clock.now = 9 * MINUTES
    last_use.note_request()

    assert not is_over_after(last_use, clock, 9)
    assert is_over_after(last_use, clock, 1)


def test_a_process_is_a_user_until_it_ends(start, clock):
    last_use = LastUse(list, 10 * MINUTES, clock)
    user = start(IDLES)
    last_use.add_user(user.pid)

    assert not is_over_after(last_use, clock, 60)
    user.kill()
    until(lambda: psutil.Process(user.pid).status() == psutil.STATUS_ZOMBIE)
    assert not is_over_after(last_use, clock, 9)
    assert is_over_after(last_use, clock, 1)


def test_a_process_that_has_ended_is_not_a_user(start, clock):
    ended = start("")
    ended.wait()
    last_use = LastUse(list, 10 * MINUTES, clock)
    last_use.add_user(ended.pid)

    assert is_over_after(last_use, clock, 10)


@pytest.mark.parametrize("code", [CONNECTS, COMPUTES], ids=["a connection", "a computation"])
def test_a_host_with_work_is_in_use(start, clock, code):
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = start(code, str(server.getsockname()[1]))
        last_use = LastUse(lambda: [host.pid], 5, clock)
        last_use.is_over()
        host.stdin.write("\n")
        host.stdin.flush()
        host.stdout.readline()

        assert not is_over_after(last_use, clock, 1 / 12)
        host.kill()
        host.wait()
        assert is_over_after(last_use, clock, 1 / 12)


def test_an_idle_host_is_not_in_use(start, clock):
    host = start(IDLES)
    host.stdout.readline()
    last_use = LastUse(lambda: [host.pid], 5, clock)

    assert is_over_after(last_use, clock, 1 / 12)

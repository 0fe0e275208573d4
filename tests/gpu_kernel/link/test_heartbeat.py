from __future__ import annotations

import asyncio

import pytest

from dl_magics.errors import NoAnswer
from dl_magics.gpu_kernel.link import heartbeat
from dl_magics.gpu_kernel.link.heartbeat import Heartbeat
from dl_magics.ssh import dial


class Connection:
    """A connection on whose socket a block of bytes arrives at each check, `blocks` times."""

    def __init__(self, blocks=0):
        self.blocks = blocks
        self.aborted = False
        self.pings = 0
        dial._count_bytes(self)

    def data_received(self, data, datatype=None):
        self.blocks -= 1

    def abort(self):
        self.aborted = True

    def ping(self):
        self.pings += 1


@pytest.fixture(autouse=True)
def _checks_every_millisecond(monkeypatch):
    """A line is dead after 10 checks without a byte, an agent after 20 without a reply."""
    monkeypatch.setattr(heartbeat, "_CHECK_SECONDS", 0.001)
    monkeypatch.setattr(heartbeat, "PING_SECONDS", 0.005)
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 0.010)
    monkeypatch.setattr(heartbeat, "AGENT_SECONDS", 0.020)


def run(connection, unsent=lambda: 0):
    """Run the heartbeat until it ends; return its error."""

    def check_unsent():
        if connection.blocks:
            connection.data_received(b"x" * 100)
        return unsent()

    with pytest.raises(NoAnswer) as ended:
        asyncio.run(Heartbeat(connection, check_unsent, connection.ping, lambda: None).run())
    return str(ended.value)


def test_a_line_without_a_byte_is_dead_and_aborted():
    connection = Connection()

    assert run(connection) == "No data arrived from the host any more."
    assert connection.aborted
    assert connection.pings >= 2


def test_a_line_is_alive_while_bytes_for_somebody_else_arrive():
    connection = Connection(blocks=1000)

    assert run(connection) == "The agent on the host does not reply."
    assert not connection.aborted


def test_an_agent_is_not_silent_while_a_long_request_is_being_sent():
    connection, left = Connection(blocks=1000), list(range(100))

    assert run(connection, lambda: left.pop() if left else 0) == (
        "The agent on the host does not reply."
    )
    assert left == []
    assert not connection.aborted


def test_after_a_sleep_a_line_has_a_little_time_to_give_a_sign(monkeypatch):
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 1000)
    monkeypatch.setattr(heartbeat, "AGENT_SECONDS", 1000)
    monkeypatch.setattr(heartbeat, "_AFTER_SLEEP_SECONDS", 0.005)
    clock = [0.0, 0.0, 0.0, 3600.0]
    monkeypatch.setattr(
        heartbeat.time, "time", lambda: clock.pop(0) if len(clock) > 1 else clock[0]
    )
    connection = Connection()

    assert run(connection) == "No data arrived from the host any more."
    assert connection.aborted

"""Long messages over a line that is slow, lossy or breaks, while files go over the same line."""

from __future__ import annotations

import random
import time

import pytest

from dl_magics.gpu_kernel.link import heartbeat
from dl_magics.ssh import blocking, connection, sftp
from dl_magics.sync import download, upload
from dl_magics.sync.spec import SyncJob
from support.messages import printed, run
from support.two_hosts.lab import LAPTOP

# Random digits are compressed to half their size: 1.5 MB are 3 s at 256 kB/s.
CODE = "import random; r = random.Random({seed}); print(''.join(r.choices('0123456789', k={size})))"
SIZE = 1_500_000


def output(seed=1, size=SIZE):
    return "".join(random.Random(seed).choices("0123456789", k=size)) + "\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """A line without a byte for 2 s is dead; each message here takes longer to travel."""
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 2.0)
    monkeypatch.setattr(heartbeat, "PING_SECONDS", 0.5)


def shared(lab):
    return blocking.wait_for(connection.connect_shared(lab.login()))


def test_a_message_that_takes_longer_than_a_dead_line_arrives_without_a_break(lab, kernel):
    over = shared(lab)
    lab.wire("rate 256000")

    assert run(kernel, CODE.format(seed=1, size=SIZE)) == output()
    assert shared(lab) is over


def received_of_next_entry(kernel):
    return len(kernel.link._received._incomplete.data)


def half_received(kernel, more=100_000):
    """Wait until more of the long message is here."""
    wanted = received_of_next_entry(kernel) + more
    while received_of_next_entry(kernel) < wanted:
        time.sleep(0.02)


def kill_sessions(lab):
    lab.kill_sessions()


def black_hole(lab):
    lab.wire("down")
    lost(lab)
    lab.wire("up")


def host_does_not_hear(lab):
    lab.rule("INPUT", "-s", LAPTOP, "-j", "DROP")
    lost(lab)
    lab.inside("iptables", "-F")


def host_is_not_heard(lab):
    lab.rule("OUTPUT", "-d", LAPTOP, "-j", "DROP")
    lost(lab)
    lab.inside("iptables", "-F")


def lost(lab):
    """Wait until the link has noticed that the line is dead."""
    while connection_is_open(lab):
        time.sleep(0.05)


def connection_is_open(lab):
    return not connection._shared["i-0lab"].connection.is_closed()


@pytest.mark.parametrize(
    ("cut", "times"),
    [(kill_sessions, 3), (black_hole, 1), (host_does_not_hear, 1), (host_is_not_heard, 1)],
)
def test_a_long_message_continues_where_the_line_broke(lab, kernel, cut, times):
    lab.wire("rate 256000")
    messages = kernel.execute(CODE.format(seed=2, size=SIZE))
    for _ in range(times):
        half_received(kernel)
        before = received_of_next_entry(kernel)
        cut(lab)
        while kernel.link.status.state != "lost":
            time.sleep(0.01)
        while kernel.link.status.state == "lost":
            time.sleep(0.01)
        # What was received is kept: the agent continues behind it.
        assert received_of_next_entry(kernel) >= before

    assert printed(messages) == output(seed=2)
    assert run(kernel, "print('next')") == "next\n"


def test_an_interrupt_reaches_the_kernel_while_a_long_message_comes(lab, kernel, tmp_path):
    lab.wire("rate 256000")
    wait = "try:\n  import time; time.sleep(600)\nfinally:\n  open({end!r}, 'w')"
    code = CODE.format(seed=3, size=SIZE) + "\n" + wait.format(end=str(tmp_path / "end"))
    messages = kernel.execute(code)
    half_received(kernel)

    kernel.interrupt()
    while not (tmp_path / "end").exists():
        time.sleep(0.01)

    assert received_of_next_entry(kernel) > 0, "the output came before the interrupt"
    assert printed(messages) == output(seed=3)


def test_with_loss_and_files_in_both_directions_every_message_comes_once(lab, kernel, tmp_path):
    rng = random.Random(4)
    up, there = tmp_path / "up", lab.folder / "home" / "busy"
    for folder, name in ((up, "a"), (there, "b")):
        folder.mkdir()
        (folder / f"{name}.bin").write_bytes(rng.randbytes(1 << 19))
    (tmp_path / "weights.bin").write_bytes(rng.randbytes(1 << 19))
    over, since = shared(lab), kernel.n
    lab.wire("rate 256000")
    lab.wire("loss 0.02")
    coming, entries = kernel.entries(), []

    async def record():
        async for entry in coming:
            entries.append(entry.n)  # noqa: PERF401 (it never ends)

    async def last(values):
        async for value in values:
            done = value
        return done

    transfers = [
        last(upload.upload_files(SyncJob(lab.login(), up, str(there / "up")))),
        last(download.download_files(SyncJob(lab.login(), tmp_path / "down", str(there)))),
        sftp.upload_once(lab.login(), tmp_path / "weights.bin", str(there / "weights")),
    ]
    recording = blocking.start_task(record())
    running = [blocking.start_task(each) for each in transfers]
    printing = kernel.execute(
        "import time\nfor i in range(20): print('line', i, flush=True); time.sleep(0.1)\n"
        + CODE.format(seed=4, size=SIZE)
    )

    lines = "".join(f"line {i}\n" for i in range(20))
    assert printed(printing) == lines + output(seed=4)
    for each in running:
        each.result()
    recording.cancel()
    assert (there / "up" / "a.bin").read_bytes() == (up / "a.bin").read_bytes()
    assert (tmp_path / "down" / "b.bin").read_bytes() == (there / "b.bin").read_bytes()
    assert (there / "weights" / "weights.bin").stat().st_size == 1 << 19
    assert entries == list(range(since + 1, since + 1 + len(entries)))
    assert shared(lab) is over

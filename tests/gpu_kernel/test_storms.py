"""Network and process failures; each has a separate lab, and all of them run in parallel."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dl_magics.gpu_kernel.link.long_entries import read_line
from support.messages import printed
from support.two_hosts import lab as lab_of_two_hosts
from support.two_hosts.lab import LAPTOP, Lab

LINES = 220
COUNT = f"""
import time
open({{ran!r}}, "a").write("once\\n")
for i in range({LINES}):
    print("line", i, flush=True)
    time.sleep(0.1)
"""


def cut(lab, client):
    lab.wire("down")
    time.sleep(20)
    lab.wire("up")
    return client


def deaf(lab, client):
    lab.rule("INPUT", "-s", LAPTOP, "-j", "DROP")
    time.sleep(10)
    lab.mend()
    return client


def mute(lab, client):
    lab.rule("OUTPUT", "-d", LAPTOP, "-j", "DROP")
    time.sleep(10)
    lab.mend()
    return client


def reset(lab, client):
    lab.refuse()
    time.sleep(4)
    lab.mend()
    return client


def sessions_killed(lab, client):
    for _ in range(4):
        lab.kill_sessions()
        time.sleep(2)
    return client


def moved(lab, client):
    lab.move()
    return client


def client_killed(lab, client):
    client.kill()
    client.wait()
    time.sleep(3)
    return


def laptop_asleep(lab, client):
    client.send_signal(signal.SIGSTOP)
    time.sleep(12)
    client.send_signal(signal.SIGCONT)
    return client


def slow_and_lossy(lab, client):
    lab.wire("delay 0.025")
    lab.wire("loss 0.03")
    return client


STORMS = [
    cut,
    deaf,
    mute,
    reset,
    sessions_killed,
    moved,
    client_killed,
    laptop_asleep,
    slow_and_lossy,
]


class Weathered:
    """What a client received during one failure, and the journal on the host."""

    def __init__(self, storm, folder):
        lab = Lab()
        try:
            recording = folder / "received.jsonl"
            ran = folder / "ran"
            (folder / "ask.py").write_text(COUNT.format(ran=str(ran)))
            run_dir = lab.new_run_dir()
            client = lab.client(run_dir, recording)
            until(lambda: "line 10" in read(recording))
            client = storm(lab, client) or lab.client(run_dir, recording)
            until(lambda: "execute_reply" in read(recording))
            client.kill()
            client.wait()
            self.runs = ran.read_text()
            self.received = lines(recording)
            (journal,) = (lab.folder / "home" / ".dlm").glob("*/journal/*.jsonl")
            self.journal = lines(journal)
        finally:
            lab.close()


def lines(file):
    return [line for line in file.read_bytes().splitlines(True) if line.startswith(b'{"n":')]


def read(file):
    return file.read_text() if file.exists() else ""


def until(true):
    while not true():
        time.sleep(0.1)


@pytest.fixture(scope="module")
def weathered(tmp_path_factory):
    if why := lab_of_two_hosts.missing():
        pytest.skip(f"No lab of two hosts here: {why}")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(STORMS)) as pool:
        patch.setenv("DL_MAGICS_HOME", str(tmp_path_factory.mktemp("home")))
        folders = [tmp_path_factory.mktemp(storm.__name__) for storm in STORMS]
        return dict(zip(STORMS, pool.map(Weathered, STORMS, folders), strict=True))


@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: storm.__name__)
def test_no_disturbance_loses_or_repeats_a_line_or_runs_a_cell_twice(weathered, storm):
    came = weathered[storm]
    entries = [read_line(line) for line in came.received]
    answer = [entry.message for entry in entries if entry.answers == "asked-once"]

    assert printed(answer) == "".join(f"line {i}\n" for i in range(LINES))
    assert [entry.n for entry in entries] == list(range(entries[0].n, entries[-1].n + 1))
    assert came.received == came.journal[entries[0].n - 1 : entries[-1].n]
    assert came.runs == "once\n"
    assert json.loads(came.journal[0])["n"] == 1

"""What the guard learns from the logs of training runs."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest

from dl_magics.guard.service.runs import FRESH_SECONDS, Runs


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "runs" / "one" / "events.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"kind": "run_started"}\n')
    return file


@pytest.fixture
def count(tmp_path):
    runs = Runs()
    return lambda now: runs.count_going_on((f"{tmp_path}/runs/*/events.jsonl",), now)


def append(log, kind):
    with log.open("a") as file:
        file.write(f'{{"kind": "{kind}"}}\n')


def test_a_run_goes_on_while_it_logs_events(log, count):
    first, second = count(100.0), count(120.0)
    append(log, "progressed")
    third = count(140.0)

    assert [first, second, third] == [(1, False), (1, False), (1, True)]
    assert count(140.0 + FRESH_SECONDS + 1) == (0, False)


def test_a_run_that_ended_does_not_go_on(log, count):
    before = count(100.0)
    append(log, "run_ended")

    assert [before, count(120.0)] == [(1, False), (0, False)]
    append(log, "run_resumed")
    assert count(140.0) == (1, True)


def test_a_run_of_yesterday_does_not_go_on(log, count):
    os.utime(log, (time.time() - 86_400,) * 2)

    assert count(100.0) == (0, False)


def test_a_log_that_cannot_be_read_is_a_failed_check(log, count):
    log.unlink()
    log.mkdir()

    assert count(100.0) == (None, None)


def test_a_checkpoint_is_requested_of_the_runs_that_go_on(log, tmp_path):
    ended = tmp_path / "runs" / "two" / "events.jsonl"
    ended.parent.mkdir()
    ended.write_text('{"kind": "run_ended"}\n')
    runs = Runs()
    runs.count_going_on((f"{tmp_path}/runs/*/events.jsonl",), 100.0)

    for _ in range(2):
        runs.request_checkpoints("save-checkpoint", 100.0, "ending", 5.0)

    (asked,) = tmp_path.rglob("save-checkpoint")
    assert asked == log.with_name("save-checkpoint")
    assert json.loads(asked.read_text()) == {"reason": "ending", "at": 5.0}
    assert stat.S_IMODE(asked.stat().st_mode) == 0o600

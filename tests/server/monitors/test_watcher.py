from __future__ import annotations

import logging
import threading

import pytest

from dl_magics.server.monitors.watcher import LOOK_SECONDS, Watcher

LOG = logging.getLogger("test")


@pytest.mark.parametrize(
    ("seconds_ago", "goes_on", "pause"),
    [
        (0, False, 0.5),
        (LOOK_SECONDS - 1, True, 0.5),
        (LOOK_SECONDS + 1, True, 2.0),
        (LOOK_SECONDS + 1, False, None),
    ],
)
def test_a_step_follows_as_long_as_somebody_looks_or_something_goes_on(
    clock, seconds_ago, goes_on, pause
):
    watcher = Watcher("test", lambda: False, LOG, clock)
    watcher.look()
    watcher.close()
    clock.now += seconds_ago

    assert watcher.choose_pause(goes_on=goes_on) == pause


def test_nothing_runs_before_somebody_looks_and_a_failed_step_is_tried_again(caplog):
    tried = threading.Semaphore(0)

    def step() -> bool:
        tried.release()
        raise ValueError("a bug")

    watcher = Watcher("dl_magics test", step, LOG)
    assert not tried.acquire(blocking=False)
    watcher.look()

    assert tried.acquire(timeout=60)
    assert tried.acquire(timeout=60)
    watcher.close()
    assert "a bug" in caplog.text

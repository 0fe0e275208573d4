from __future__ import annotations

import os
import subprocess
import sys

import psutil

from support.processes import leftovers

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def started_by(run):
    return subprocess.Popen(SLEEP, env={**os.environ, leftovers.MARK: run})


def test_what_a_killed_run_left_is_ended_and_what_goes_on_is_not():
    killed = f"{psutil.Process().pid} 1.00"  # long ago, with the same number
    left, ours = started_by(killed), started_by(os.environ[leftovers.MARK])

    leftovers.end()

    code = left.wait(20)
    ours_lives = ours.poll() is None
    ours.kill()
    ours.wait()
    assert code != 0
    assert ours_lives

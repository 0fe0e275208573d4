"""Run the programs of the checks in processes of their own, each with a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row, parse_rows
from setting import Setting

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_LONGEST_ERROR = 300


class ChildFailed(Exception):
    """A child exited with an error, or did not end in time."""


def run_child(
    program: str, setting: Setting, *arguments: str, timeout: float, **variables: str
) -> tuple[str, float]:
    """Run a program beside this file; return its output and its seconds, imports included."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "KERAS_BACKEND": setting.backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "DL_MAGICS_HOME": setting.scratch,
        **variables,
    }
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, HERE / program, setting.to_json(), *arguments],
            env=environment,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = child.wait(timeout)
            ended = f"exit status {code}"
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            code, ended = child.wait(), f"did not end in {timeout:.0f} s"
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        written = output.read()
        if code:
            lines = [line for line in errors.read().splitlines() if line.strip()]
            last = f": {lines[-1][-_LONGEST_ERROR:]}" if lines else ""
            raise ChildFailed(f"{program}: {ended}{last}", written, "\n".join(lines[-40:]))
    return written, seconds


def run_checks(program: str, setting: Setting, timeout: float, **variables: str) -> list[Row]:
    """Return the rows of a program; what it printed before it failed is kept."""
    try:
        output, _ = run_child(program, setting, timeout=timeout, **variables)
    except ChildFailed as failed:
        message, output, errors = failed.args
        row = Row(setting.backend, program, "failed", message, {"stderr": errors})
        return [*parse_rows(output), row]
    return parse_rows(output)

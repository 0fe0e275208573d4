"""Run a few lines of Python in a new process of an interpreter and return one line of output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from tempfile import TemporaryDirectory

_SECONDS = 120
_PREFIX = "says: "
_SAY = f"def say(value): print({_PREFIX!r} + str(value))\n"


def run_probe(
    python: str, code: str, variables: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return (value, ""), or ("", error) with the last line of the error output.

    The value is what the code passes to the function `say`. The code runs without KERAS_BACKEND,
    with an empty KERAS_HOME, and with `variables` in its environment.
    """
    with TemporaryDirectory(prefix="dl-magics-") as scratch:
        # TensorFlow imports Keras, which creates a missing keras.json.
        defaults = {"KERAS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3", **(variables or {})}
        inherited = {name: each for name, each in os.environ.items() if name != "KERAS_BACKEND"}
        return _run([python, "-W", "ignore", "-c", _SAY + code], {**inherited, **defaults})


def _run(command: list[str], environment: Mapping[str, str]) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired:
        return "", f"it did not finish within {_SECONDS} seconds"
    except OSError as error:
        return "", str(error)
    values = [line for line in done.stdout.splitlines() if line.startswith(_PREFIX)]
    if values and not done.returncode:
        return values[-1][len(_PREFIX) :], ""
    errors = [line for line in done.stderr.splitlines() if line.strip()]
    return "", errors[-1].strip() if errors else f"it exited with status {done.returncode}"

"""A few lines in a fresh process of an interpreter: what they say, or why they came to nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from tempfile import TemporaryDirectory

_SECONDS = 120
_MARK = "says: "
_SAY = f"def say(said): print({_MARK!r} + str(said))\n"


def run_probe(
    python: str, code: str, variables: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return what the code passes to `say`, or "" and the last line of its error."""
    with TemporaryDirectory(prefix="dl-magics-") as scratch:
        # TensorFlow imports Keras, which writes a keras.json where there is none.
        own = {"KERAS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3", **(variables or {})}
        environment = {name: each for name, each in os.environ.items() if name != "KERAS_BACKEND"}
        return _said([python, "-W", "ignore", "-c", _SAY + code], {**environment, **own})


def _said(command: list[str], environment: Mapping[str, str]) -> tuple[str, str]:
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
        return "", f"it took longer than {_SECONDS} seconds"
    except OSError as error:
        return "", str(error)
    told = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if told and not done.returncode:
        return told[-1][len(_MARK) :], ""
    wrote = [line for line in done.stderr.splitlines() if line.strip()]
    return "", wrote[-1].strip() if wrote else f"it ended with status {done.returncode}"

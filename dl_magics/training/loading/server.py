"""Load models that stdin names: `python -m dl_magics.training.loading.server keras`.

It imports Keras at once. Each line of stdin is the path of a file. The answer is two lines of JSON
on stdout: the id of the process that is to load it, then what it found. On Linux each file is
loaded in a fork that ends with it, so that the next one costs no import; elsewhere, or where a
library has started threads, the process ends after the first.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from dl_magics.training.loading import isolated_load

SECONDS_IDLE = 600.0
"""Without a request for so long it ends, as it takes the memory of Keras."""
LONGEST_LINE = 2**20

_END_WITH_PARENT = 1
_NAMES = ("foreign", "failed")


def serve(kind: str) -> None:
    """Answer requests until stdin is closed."""
    # The interrupt of a cell ends what the cell waits for, by closing stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Before NumPy is imported: a process with threads cannot enter a user namespace.
    isolated_load.leave_network()
    # A failed import fails again when it loads the first file, and is its answer.
    with suppress(Exception):
        isolated_load.import_modules(kind)
    while path := _read_path():
        answer = _answer_in_fork(path, answers) if kind == isolated_load.KERAS else None
        if answer is None:
            _write(answers, {"pid": os.getpid()})
            _write(answers, isolated_load.answer(kind, path))
            break
        _write(answers, answer)
    # A backend may hang or crash as it exits; the answers are complete.
    os._exit(0)


def _read_path() -> Path | None:
    # Windows waits for sockets only.
    if sys.platform != "win32" and not select.select([sys.stdin], [], [], SECONDS_IDLE)[0]:
        return None
    line = sys.stdin.readline()
    return Path(line.rstrip("\n")) if line else None


def _answer_in_fork(path: Path, answers: IO[str]) -> dict[str, object] | None:
    """Load a file in a fork; return its answer, or {"status": …} if it ended without one.

    None where this process cannot be forked: a lock of a thread could be held there for good.
    """
    if sys.platform != "linux" or len(list(Path("/proc/self/task").iterdir())) > 1:
        return None
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
        # What it runs has no way to answer for another file.
        os.dup2(2, 0)
        os.close(answers.fileno())
        os.close(receiving)
        os.write(sending, json.dumps(isolated_load.answer(isolated_load.KERAS, path)).encode())
        os._exit(0)
    os.close(sending)
    _write(answers, {"pid": pid})
    said = b""
    # Something on stdin before the answer is its end: who asked is gone.
    while len(said) < LONGEST_LINE and select.select([receiving, 0], [], [])[0] == [receiving]:
        part = os.read(receiving, LONGEST_LINE)
        if not part:
            break
        said += part
    os.close(receiving)
    os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(ValueError, KeyError, TypeError):
        found = json.loads(said)
        return {name: str(found[name]) for name in _NAMES}
    return {"status": status}


def _write(answers: IO[str], answer: object) -> None:
    with suppress(BrokenPipeError):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])

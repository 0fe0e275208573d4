"""Start the Theano interpreter and exchange requests and answers with it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import TrainingFailed
from dl_magics.keras_config import theanorc
from dl_magics.runs.events import Event, parse_event

_ROOT = Path(__file__).parents[3]
# On sys.path for the first import only: the packages beside dl_magics are for another Python.
# The first entry is the folder of the notebook, whose modules are not meant.
_START = (
    f"import sys; sys.path[:1] = []; sys.path.append({str(_ROOT)!r}); "
    "import dl_magics.training.theano.keras1; "
    "sys.path.pop(); from dl_magics.training.theano.keras1 import worker; worker.main()"
)
_SECONDS_TO_END = 10


@dataclass(frozen=True)
class Interpreter:
    """A Python with Keras 1 and Theano; `home` is its HOME, which holds Theano's compile cache.

    Keras 1 fails on a keras.json of Keras 3, so `home` contains none. `device` replaces the user's
    Theano device where that has a syntax Theano 1 no longer accepts.
    """

    python: str
    home: str
    device: str = ""

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the process; the user's Theano settings apply.

        Those of Python do not. Theano writes C code in the order of sets of strings: only where
        their hashes are those of the last process does it find what that one compiled.
        """
        own = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        files = os.pathsep.join(map(str, theanorc.list_files()))
        flags = [os.environ.get("THEANO_FLAGS", ""), "floatX=float32"]
        flags += [f"device={self.device}"] if self.device else []
        return {
            **own,
            "PYTHONHASHSEED": "0",
            "HOME": self.home,
            "KERAS_BACKEND": "theano",
            "THEANORC": files,
            "THEANO_FLAGS": ",".join(each for each in flags if each),
        }


class Process:
    """A worker process, to be used in a `with` statement."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._wrote = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [interpreter.python, "-W", "ignore", "-s", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._wrote,
            env=interpreter.environment(),
        )

    def ask(self, do: str, pixels: NDArray[np.uint8] | None = None, **more: Any) -> dict[str, Any]:
        """Send one request and return its answer; an array in it has the key `array`."""
        self._send(do, pixels, more)
        return self._answer()

    def array(self, do: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the result computed from raw pixels (n, size, size, 3)."""
        found: NDArray[np.float32] = self.ask(do, pixels)["array"]
        return found

    def events(self, do: str, **more: Any) -> Iterator[Event | dict[str, Any]]:
        """Send a long request: yield its events, then its answer."""
        self._send(do, None, more)
        while "kind" in (answer := self._answer()):
            yield parse_event(answer)
        yield answer

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._wrote.close()

    def _send(self, do: str, pixels: NDArray[np.uint8] | None, more: Mapping[str, Any]) -> None:
        asked: dict[str, Any] = {"do": do, **more}
        raw = b""
        if pixels is not None:
            raw = np.ascontiguousarray(pixels).tobytes()
            asked |= {"shape": pixels.shape, "bytes": len(raw)}
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n" + raw)
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise TrainingFailed(
                f"Keras on Theano failed: {answer['error']}",
                fix="%device cpu if a GPU is the reason · without Theano: %backend tensorflow",
            )
        if "bytes" in answer:
            raw = self._process.stdout.read(answer["bytes"])
            answer["array"] = np.frombuffer(raw, "<f4").reshape(answer["shape"])
        return answer

    def _ended(self) -> TrainingFailed:
        code = self._process.wait()
        self._wrote.seek(0)
        lines = self._wrote.read().decode("utf-8", "replace").strip().splitlines()
        return TrainingFailed(
            f"The Theano interpreter exited unexpectedly (status {code}): "
            f"{lines[-1][:200] if lines else 'no output'}",
            fix="Check the device: %device · or set it up again: %backend theano --setup",
        )

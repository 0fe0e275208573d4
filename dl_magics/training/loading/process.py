"""A process of `server.py`; one that has imported Keras is kept for the next models."""

from __future__ import annotations

import importlib.util
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from dl_magics.keras_config import keras_json
from dl_magics.training.loading import isolated_load, server

# What Keras, its backends and Python read when they are imported.
_SETTINGS = ("KERAS", "TF_", "XLA", "JAX", "TORCH", "CUDA", "OMP", "LD_", "PYTHON", "PATH")
# Shorter than the time after which an idle server ends.
_SECONDS_KEPT = server.SECONDS_IDLE - 60


class LoadProcess:
    """A process that imports Keras, and then loads the models that it is asked for."""

    def __init__(self, kind: str) -> None:
        self.settings = _read_settings()
        self.can_load_more = kind == isolated_load.KERAS
        self.idle_since = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", server.__name__, kind],
            # A process with threads of a library does not fork.
            env={**environment_without_secrets(), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def ask(self, file: Path) -> None:
        """Ask it to load a model."""
        self.can_load_more = False
        assert self._process.stdin
        with suppress(OSError, ValueError):  # it has ended
            self._process.stdin.write(f"{file.absolute()}\n".encode())
            self._process.stdin.flush()

    def receive(self, seconds: float) -> bytes | None:
        """Return the next line of its answer, b"" once it has ended, or None after the time."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def kill(self) -> None:
        """End the process, and with it the one that loads a model."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            while line := lines.readline(server.LONGEST_LINE):
                self._lines.put(line)
        with suppress(ChildProcessError):
            self._process.wait()
        self._lines.put(b"")


_kept: list[LoadProcess] = []
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    # A fork would talk to it at the same time.
    os.register_at_fork(after_in_child=_kept.clear)


def take_process(kind: str) -> LoadProcess:
    """Return the process that was kept, if nothing that Keras reads has changed, or a new one."""
    with _lock:
        kept = _kept.pop() if _kept and kind == isolated_load.KERAS else None
    if kept:
        is_fresh = time.monotonic() - kept.idle_since < _SECONDS_KEPT
        if is_fresh and kept.status is None and kept.settings == _read_settings():
            return kept
        kept.kill()
    return LoadProcess(kind)


def give_back(process: LoadProcess) -> None:
    """Keep a process for the next model; end it if there is one, or if it loads no more."""
    process.idle_since = time.monotonic()
    with _lock:
        if process.can_load_more and process.status is None and not _kept:
            _kept.append(process)
            return
    process.kill()


def environment_without_secrets() -> dict[str, str]:
    """Return the environment without AWS keys; on the CPU, as the memory of a GPU may be in use."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cpu = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**own, **cpu}


def _read_settings() -> tuple[object, ...]:
    """Return what decides which Keras is imported, and how."""
    named = sorted(each for each in os.environ.items() if each[0].startswith(_SETTINGS))
    written = keras_json.read_file(keras_json.find_path(3))
    keras = importlib.util.find_spec("keras")
    # Pip changes this folder with each package.
    installed = Path(keras.origin).parents[1].stat().st_mtime_ns if keras and keras.origin else 0
    return named, written, installed

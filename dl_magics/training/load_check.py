"""Check that the Keras of this computer loads a model that another computer saved.

It is loaded in a process of its own (`isolated_load.py`), with limits of time and memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from dl_magics.errors import NotLoadable
from dl_magics.runs import remote_origin
from dl_magics.training import hdf5_file, isolated_load, model_archive

_SECONDS = 300.0
_SECONDS_BETWEEN_LOOKS = 0.1
_BYTES_FOR_KERAS = 4 * 2**30
# Its file in memory, the first values of its layers, and those that are read.
_BYTES_PER_BYTE = 6
_LONGEST_ANSWER = 2**20


class LoadCheck:
    """A process that imports Keras when it is prepared, and loads one model when it is asked.

    Importing Keras takes most of the time: prepare it while something else is waited for.
    """

    def __init__(self, kind: str = isolated_load.KERAS) -> None:
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process

    @property
    def is_prepared(self) -> bool:
        """Whether the process was started."""
        return self._process is not None

    def prepare(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it was started; return it."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", isolated_load.__name__, self._kind],
                env=environment_without_secrets(),
                stdin=subprocess.PIPE,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def load_own(self, file: Path) -> None:
        """Load a model that somebody saved with Keras, as `load` does one of the engine."""
        model_archive.check_own_model(file)
        answer = self._ask(file)
        if answer["foreign"]:
            raise model_archive.foreign_file(file, answer["foreign"])
        if answer["failed"]:
            raise NotLoadable(
                f"{file} cannot be loaded by Keras: {answer['failed']}",
                fix='Save it with this version of Keras: my_model.save("my_model.keras")',
            )

    def load(self, file: Path, versions: Mapping[str, str]) -> None:
        """Load a model; `versions` are those of the packages that saved it.

        Raises
        ------
        NotLoadable
            where it is not what the engine writes, exceeds a limit, or Keras fails.
        DamagedRun
            where it is not a complete file.
        """
        is_keras_1 = self._kind == isolated_load.KERAS_1
        if not is_keras_1:
            model_archive.check_archive(file)
        answer = self._ask(file)
        if answer["foreign"]:
            raise model_archive.foreign_file(file, answer["foreign"])
        if answer["failed"] and is_keras_1:
            raise model_archive.damaged_file(file, answer["failed"])
        if answer["failed"]:
            raise NotLoadable(
                f"{file} was copied without errors, but the local Keras cannot load it: "
                f"{answer['failed']}",
                fix=f"%pip install keras=={versions.get('keras', 'VERSION')}, the version of the "
                "host · in the GPU kernel the model is run.model.",
            )

    def _ask(self, file: Path) -> dict[str, str]:
        process = self.prepare()
        assert process.stdin
        with suppress(OSError):
            process.stdin.write(f"{file.absolute()}\n".encode())
            process.stdin.close()
        if exceeded := self._wait(process, file.stat().st_size):
            process.kill()
            return {"foreign": "", "failed": exceeded}
        self._answer.seek(0)
        try:
            answer = json.loads(self._answer.read(_LONGEST_ANSWER))
            return {name: str(answer[name]) for name in ("foreign", "failed")}
        except (ValueError, KeyError, TypeError):
            return {"foreign": "", "failed": f"its process ended with status {process.returncode}"}

    def _wait(self, process: subprocess.Popen[bytes], size: int) -> str:
        """Wait for the end of the process; return the limit that it exceeded, or ""."""
        import psutil

        most = _BYTES_FOR_KERAS + _BYTES_PER_BYTE * size
        until = time.monotonic() + _SECONDS
        while process.poll() is None:
            if time.monotonic() > until:
                return f"it took more than {_SECONDS:.0f} s"
            with suppress(psutil.NoSuchProcess):
                if psutil.Process(process.pid).memory_info().rss > most:
                    return f"it took more than {most / 2**30:.1f} GiB of memory"
            if os.fstat(self._answer.fileno()).st_size > _LONGEST_ANSWER:
                return "it answered without an end"
            with suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_BETWEEN_LOOKS)
        return ""

    def __enter__(self) -> LoadCheck:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._answer.close()


def check_loads(file: Path, versions: Mapping[str, str]) -> None:
    """Load a model once; raises what `LoadCheck.load` raises."""
    with LoadCheck() as check:
        check.load(file, versions)


def check_fetched(
    folder: Path, file: Path, versions: Mapping[str, str], check: LoadCheck | None = None
) -> None:
    """Check the model of a remote run, unless this very file was checked before.

    Raises what `LoadCheck.load` raises.
    """
    origin, sha256 = remote_origin.load(folder), model_archive.hash_file(file)
    if origin and origin.model_sha256 == sha256:
        return
    with check or LoadCheck() as loading:
        loading.load(file, versions)
    if origin:
        remote_origin.save(folder, replace(origin, model_sha256=sha256))


def check_keras_1(folder: Path, file: Path) -> None:
    """Check the model of a run on Theano: in another process if it came from a host.

    Raises what `LoadCheck.load` raises.
    """
    if remote_origin.load(folder):
        with LoadCheck(isolated_load.KERAS_1) as check:
            check.load(file, {})
        return
    try:
        problem = hdf5_file.find_keras_1_problem(file, file.stat().st_size)
    except (OSError, ValueError, KeyError) as error:
        raise model_archive.damaged_file(file, str(error)) from error
    if problem:
        raise model_archive.foreign_file(file, problem)


def environment_without_secrets() -> dict[str, str]:
    """Return the environment without AWS keys; on the CPU, as the memory of a GPU may be in use."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cpu = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**own, **cpu}

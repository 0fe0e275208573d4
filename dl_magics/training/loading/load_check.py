"""Check that the Keras of this computer loads a model that another computer saved.

It is loaded in a process of its own (`isolated_load.py`), with limits of time and memory. The
process that imported Keras for it stays for some minutes, as the next model may come soon.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from dl_magics.errors import NotLoadable
from dl_magics.runs import remote_origin
from dl_magics.training import hdf5_file, model_archive
from dl_magics.training.loading import isolated_load, process, server
from dl_magics.training.loading.process import LoadProcess

_SECONDS = 300.0
_SECONDS_BETWEEN_LOOKS = 0.1
_BYTES_FOR_KERAS = 4 * 2**30
# Its file in memory, the first values of its layers, and those that are read.
_BYTES_PER_BYTE = 6
_LONGEST_ANSWER = server.LONGEST_LINE - 1


class LoadCheck:
    """A process that imports Keras when it is prepared, and loads one model when it is asked.

    Importing Keras takes most of the time: prepare it while something else is waited for.
    """

    def __init__(self, kind: str = isolated_load.KERAS) -> None:
        self._kind = kind
        self._process: LoadProcess | None = None
        self.is_prepared = False
        """Whether it has had a process."""

    def prepare(self) -> LoadProcess:
        """Start the process, or take that of an earlier check; return it."""
        if self._process is None:
            self._process = process.take_process(self._kind)
            self.is_prepared = True
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
        loading = self.prepare()
        loading.ask(file)
        until, size = time.monotonic() + _SECONDS, file.stat().st_size
        said: list[bytes] = []
        # First the process that loads the file, before it does, and then the answer.
        while len(said) < 2 and b"" not in said:
            if (line := loading.receive(_SECONDS_BETWEEN_LOOKS)) is not None:
                said.append(line)
            pid = json.loads(said[0])["pid"] if said and said[0] else loading.pid
            if exceeded := _find_exceeded_limit(pid, until, size, said[-1:]):
                loading.kill()
                return {"foreign": "", "failed": exceeded}
        status = loading.status
        try:
            answer = json.loads(said[1])
            status = answer.get("status")
            found = {name: str(answer[name]) for name in ("foreign", "failed")}
        except (IndexError, ValueError, KeyError, AttributeError):
            found = {"foreign": "", "failed": f"its process ended with status {status}"}
        loading.can_load_more = pid != loading.pid
        return found

    def __enter__(self) -> LoadCheck:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            process.give_back(self._process)
            self._process = None


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


def _find_exceeded_limit(pid: int, until: float, size: int, said: list[bytes]) -> str:
    """Return the limit that the process exceeds that loads a file of so many bytes, or ""."""
    import psutil

    most = _BYTES_FOR_KERAS + _BYTES_PER_BYTE * size
    if time.monotonic() > until:
        return f"it took more than {_SECONDS:.0f} s"
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(pid).memory_info().rss > most:
            return f"it took more than {most / 2**30:.1f} GiB of memory"
    return "it answered without an end" if said and len(said[0]) > _LONGEST_ANSWER else ""

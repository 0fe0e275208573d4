"""Write a run into one zip: model, recipe, events, report, evaluations and the tag."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO

from dl_magics.actions.runs import remote_run, runs
from dl_magics.actions.runs.run_table import format_size
from dl_magics.errors import CannotChange, DamagedRun, WrongState
from dl_magics.runs import evaluation, log, remote_origin, tag
from dl_magics.runs.report import examples, page
from dl_magics.store import atomic
from dl_magics.store.rooted_folder import RootedFolder
from dl_magics.training import recorder
from dl_magics.training.run import Run

_BLOCK = 1 << 20
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of a zip
# Everything else in the folder is of this computer: where the run trains, requests, checkpoints.
_FILES = (recorder.RECIPE_FILE_NAME, log.FILE_NAME, page.FILE_NAME, tag.FILE_NAME)
_EVALUATIONS = (
    *(f"{evaluation.FOLDER}/{split}.json" for split in evaluation.SPLITS),
    examples.FILE_NAME,
)


@dataclass(frozen=True, slots=True)
class Export:
    """A run and the zip that it is written into."""

    run: Run
    file: Path

    @property
    def replaces(self) -> bool:
        """Whether the file is there already."""
        return os.path.lexists(self.file)


def plan_export(name: str, file: str = "") -> Export:
    """Return what an export of the run with this name writes; the default is NAME.zip here.

    A run that is only on the connected host is fetched first.

    Raises
    ------
    WrongState
        where the run has not ended.
    CannotChange
        where the file cannot be: its folder is missing, or it is a folder.
    """
    run = runs.find_run(name)
    if runs.is_going_on(run):
        raise WrongState(
            f"The run {run.name} is running.",
            fix=f"Wait for its end, or stop it: %attach {run.name} --stop",
        )
    path = Path(file or f"{run.name}.zip").expanduser()
    try:
        if path.is_dir():
            path /= f"{run.name}.zip"
        has_folder = path.parent.is_dir()
    except OSError as error:
        raise _not_writable(path, run, error) from error
    if not has_folder:
        raise CannotChange(
            f"'{path.parent}' is not a folder.", fix=f"%runs --export {run.name} {run.name}.zip"
        )
    return Export(run, path)


def write_export(planned: Export) -> str:
    """Write the zip in one step; return a sentence about it.

    Each saved file is compared with the sha256 in the log of the run.

    Raises
    ------
    DamagedRun
        where a file of the run is missing or is not the one that the log names.
    CannotChange
        where the zip cannot be written.
    """
    run, state = planned.run, planned.run.state
    missing = [name for name in state.files if not (run.path / name).is_file()]
    if missing and remote_origin.load(run.path):
        remote_run.fetch_results(run.record)
    elif missing:
        raise DamagedRun(
            f"{run.path} lacks {', '.join(missing)}, which the run saved.",
            fix="Put it back, or export another run; %runs lists them.",
        )
    try:
        with (
            RootedFolder(run.path) as folder,
            atomic.replacing(planned.file, mode=None) as unfinished,
            zipfile.ZipFile(unfinished, "w", strict_timestamps=False) as archive,
        ):
            for name in list_names(run):
                # A model is a zip itself.
                how = zipfile.ZIP_STORED if name in state.files else zipfile.ZIP_DEFLATED
                with _open(folder, name) as file:
                    sha256 = _add(archive, f"{run.name}/{name}", file, how)
                if sha256 != state.files.get(name, sha256):
                    raise DamagedRun(
                        f"{run.path / name} is not the file that the run saved.",
                        fix=f"Nothing was written. Fetch or train it again: %attach {run.name}",
                    )
            count = len(archive.namelist())
    except OSError as error:
        raise _not_writable(planned.file, run, error) from error
    size = format_size(planned.file.stat().st_size)
    return f"{planned.file}: {count} files of {run.name}, {size}"


def _list_names(folder: Path, saved: dict[str, str]) -> Iterator[str]:
    yield from saved
    yield from (name for name in (*_FILES, *_EVALUATIONS) if (folder / name).is_file())


def list_names(run: Run) -> list[str]:
    """Return the files of a run that an export holds, below its folder."""
    others = [name for name in (*_FILES, *_EVALUATIONS) if (run.path / name).is_file()]
    return [*run.state.files, *others]


def _not_writable(file: Path, run: Run, error: OSError) -> CannotChange:
    return CannotChange(
        f"'{file}' cannot be written: {error.strerror or error}.",
        fix=f"Name another file: %runs --export {run.name} {run.name}.zip",
    )


def _open(folder: RootedFolder, name: str) -> BufferedReader:
    try:
        return folder.open_to_read(os.fsencode(name))
    except OSError as error:  # a link, perhaps
        raise DamagedRun(
            f"{folder.path / name} is not a file of the run: {error.strerror or error}.",
            fix="Nothing was written. Move it away; %runs lists the runs.",
        ) from error


def _add(archive: zipfile.ZipFile, name: str, file: IO[bytes], compression: int) -> str:
    """Copy a file into the zip; return its sha256."""
    changed = time.localtime(os.fstat(file.fileno()).st_mtime)[:6]
    entry = zipfile.ZipInfo(name, max(changed, _FIRST_DAY))
    entry.compress_type = compression
    digest = hashlib.sha256()
    with archive.open(entry, "w", force_zip64=True) as target:
        while block := file.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()

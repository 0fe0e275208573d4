"""Export the model of a run and check the file: it must compute what `run.predict` computes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import folders, images
from dl_magics.errors import DLMagicsError, NotLoadable
from dl_magics.runs import write_errors
from dl_magics.runs.state import RunState
from dl_magics.store import atomic
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.export import formats, worker
from dl_magics.training.export.exported import Exported
from dl_magics.training.export.target import check_free, choose_target, find_classes_file
from dl_magics.training.loading import process
from dl_magics.training.prediction.predict import KerasClassifier

TOLERANCE = 1e-3
"""The largest difference of a probability between the exported file and `run.predict`."""

_IMAGES = 8


def export_model(
    model: Any,
    folder: Path,
    state: RunState,
    wanted: formats.Format,
    *,
    path: str | Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Export the loaded model of the run in `folder`; check it with images of the run.

    Raises
    ------
    BadSetting
        where something is at the path, unless it is an export that may be overwritten.
    NotInstalled
        where a package is missing that makes the file.
    NotLoadable
        where Keras cannot export the model, or the file computes something else.
    """
    classes, file = list(state.classes), folder / MODEL
    target = choose_target(path, wanted, folder / "export", folder.name)
    classes_file = find_classes_file(wanted, target)
    check_free(wanted, target, classes_file, overwrite=overwrite)
    formats.check_installed(wanted)
    size = int(model.input_shape[1])
    pixels, checked_on = _read_pixels(str(state.recipe.get("data", "")), size)
    with write_errors.translating_write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        # On the disk of the target, where it is then renamed to.
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as room:
            answer = _work(Path(room), file, classes, wanted, target.name, pixels)
            expected = KerasClassifier(model).probabilities(pixels.astype(np.uint8))
            difference = _compare(answer, expected, wanted)
            made = Path(room) / target.name
            if target.is_dir():
                shutil.rmtree(target)
            made.replace(target)
        if not wanted.is_folder:
            atomic.replace(classes_file, json.dumps(classes, ensure_ascii=False), mode=None)
    return Exported(
        path=target,
        classes_file=classes_file,
        format=wanted,
        size=size,
        n_classes=len(classes),
        bytes=_measure(target),
        checked_on=checked_on,
        ran=answer["ran"],
        difference=difference,
        tolerance=TOLERANCE,
        needs=answer["needs"],
    )


def _work(
    room: Path,
    file: Path,
    classes: Sequence[str],
    wanted: formats.Format,
    name: str,
    pixels: NDArray[np.float32],
) -> dict[str, Any]:
    """Export in a process of its own, with the backend of the format; return its answer."""
    np.save(room / worker.PIXELS, pixels)
    request = {
        "format": wanted.name,
        "model": str(file.absolute()),
        "file": name,
        "classes": list(classes),
        "runs": any(find_spec(each) for each in wanted.runtimes),
    }
    (room / worker.REQUEST).write_text(json.dumps(request), "utf-8")
    environment = {
        **process.environment_without_secrets(),
        "KERAS_BACKEND": wanted.backend,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-m", worker.__name__, str(room)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads((room / worker.ANSWER).read_text("utf-8"))
    except (OSError, ValueError):
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        answer = {"failed": f"its process ended with status {done.returncode}. {last}".strip()}
    if answer["failed"]:
        raise NotLoadable(
            f"Keras could not export the model as {wanted.name}: {answer['failed']}",
            fix="Nothing was written. Another format may work: "
            + " · ".join(
                f'run.export("{name}")' for name in formats.FORMATS if name != wanted.name
            ),
        )
    return answer


def _compare(
    answer: dict[str, Any], expected: NDArray[np.float32], wanted: formats.Format
) -> float:
    """Return the largest difference of a probability, 0 where the file was not run."""
    if answer["probabilities"] is None:
        return 0.0
    got = np.asarray(answer["probabilities"])
    difference = float(np.abs(got - expected).max()) if got.shape == expected.shape else np.inf
    if not difference <= TOLERANCE:
        raise _other_numbers(difference, answer["ran"], wanted)
    return difference


def _other_numbers(difference: float, ran: str, wanted: formats.Format) -> DLMagicsError:
    return NotLoadable(
        f"The model exported as {wanted.name} computes something else in {ran}: its probabilities "
        f"differ from those of the run by up to {difference:.3g} (limit {TOLERANCE:g}).",
        fix="Nothing was written. Use another format, or run.model with Keras.",
    )


def _read_pixels(data: str, size: int) -> tuple[NDArray[np.float32], str]:
    """Return a few photos of a folder, or noise where it is not here, and what they are."""
    found = []
    try:
        files = list(folders.find_files(data)) if data and Path(data).is_dir() else []
    except (DLMagicsError, OSError):
        files = []
    for file in files[:: max(len(files) // _IMAGES, 1)]:
        try:
            found.append(images.decode(file.read_bytes(), size))
        except (images.BrokenImage, OSError):
            continue
    if photos := found[:_IMAGES]:
        return np.stack(photos).astype(np.float32), f"{len(photos)} images of {data}"
    noise = np.random.default_rng(0).integers(0, 256, (_IMAGES, size, size, 3))
    return noise.astype(np.float32), f"{_IMAGES} images of noise"


def _measure(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())

"""The checkpoint of a run: everything needed to resume it with identical results.

It is an uncompressed .npz file followed by its SHA-256, and is replaced atomically.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs import checkpoint_request
from dl_magics.runs.events import CheckpointSaved, Event
from dl_magics.store import atomic
from dl_magics.training.engine import keras_context
from dl_magics.training.engine.heads.learned import list_changing
from dl_magics.training.engine.heads.training import Best, Means, TrainingState

FILE_NAME = "checkpoint.npz"

_VERSION = 1
_SECONDS_WITHIN_AN_EPOCH = 10.0
_LARGEST_SHARE = 0.01  # of the training time
_BYTES_PER_SECOND = 2e8  # an estimate until the first save

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run at one moment.

    `about` identifies what the run trains on, as plain values; it differs between runs. `variables`
    are those of the head and its optimizer, `generators` the states of the backend's random number
    generators. Both lists are empty before the first batch of the head.
    """

    about: Mapping[str, Any]
    standing: TrainingState = field(default_factory=TrainingState)
    variables: Arrays = field(default_factory=list)
    generators: Arrays = field(default_factory=list)


def capture(head: Any, standing: TrainingState, about: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint of a head during training."""
    from keras import ops

    values = [np.asarray(ops.convert_to_numpy(each)) for each in _variables(head)]
    return Checkpoint(about, standing, values, keras_context.read_generators())


def restore_head(head: Any, checkpoint: Checkpoint) -> None:
    """Load a checkpoint into a new head, its optimizer and the random number generators.

    Raises
    ------
    NotResumable
        where the shapes of the variables differ from those in the checkpoint.
    """
    if not checkpoint.variables:
        return
    variables = _variables(head)
    shapes = [tuple(each.shape) for each in variables]
    if shapes != [each.shape for each in checkpoint.variables]:
        raise NotResumable(
            "The layers of the head differ from those in the checkpoint.",
            fix="Resume it with the versions at the start of its log, or start a new run.",
        )
    for variable, value in zip(variables, checkpoint.variables, strict=True):
        variable.assign(value)
    keras_context.set_generators(checkpoint.generators)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> CheckpointSaved:
    """Write a checkpoint atomically: the previous one is kept until the new one is on disk."""
    payload = _packed(checkpoint)
    digest = hashlib.sha256(payload)
    with atomic.replacing(folder / FILE_NAME) as unfinished, unfinished.open("wb") as file:
        file.write(payload)
        file.write(digest.digest())
    digest.update(digest.digest())
    size = len(payload) + digest.digest_size
    return CheckpointSaved(path=FILE_NAME, sha256=digest.hexdigest(), size=size)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in the folder of a run; None if there is none.

    Raises
    ------
    DamagedRun
        where the file is damaged, or was written by another version.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    data = path.read_bytes()
    payload, sum_ = memoryview(data)[:-32], data[-32:]
    if hashlib.sha256(payload).digest() != sum_:
        raise DamagedRun(f"{path} is damaged.", fix="%finetune --resume continues without it.")
    try:
        return _unpacked(payload)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedRun(
            f"{path} was written by another version: {error}",
            fix="%finetune --resume continues without it.",
        ) from error


def remove_checkpoint(folder: Path) -> None:
    """Delete the checkpoint and its unfinished files."""
    for path in (folder / FILE_NAME, *atomic.find_unfinished(folder / FILE_NAME)):
        path.unlink(missing_ok=True)


@dataclass
class CheckpointSaver:
    """Saves checkpoints during training: after each epoch, and at intervals within a long epoch.

    Saves are skipped where they would take more than 1 % of the time.
    """

    folder: Path
    head: Any
    about: Mapping[str, Any]
    timer: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        numbers = sum(math.prod(each.shape) for each in _variables(self.head))
        self._saved, self._took = self.timer(), 4 * numbers / _BYTES_PER_SECOND

    def save_if_due(self, standing: TrainingState) -> Iterator[Event]:
        """Save a checkpoint if the interval has elapsed, or if one was requested."""
        before = self.timer()
        pause = self._took / _LARGEST_SHARE
        if standing.batches:
            pause = max(pause, _SECONDS_WITHIN_AN_EPOCH)
        # A request is met at once: the instance may be stopped soon.
        asked = checkpoint_request.take_request(self.folder)
        if asked is None and before - self._saved < pause:
            return
        yield from self.save(standing, before)
        if asked:
            yield asked.make_warning()

    def save(self, standing: TrainingState, began: float | None = None) -> Iterator[Event]:
        """Save a checkpoint now; that began at a time of the timer, or begins now."""
        before = self.timer() if began is None else began
        saved = save_checkpoint(self.folder, capture(self.head, standing, self.about))
        self._saved = self.timer()
        self._took = self._saved - before
        yield saved


def _variables(head: Any) -> list[Any]:
    """Return the weights, the seeds of layers such as Dropout, and the slots of the optimizer.

    Weights that training does not change are those of the pretrained network.
    """
    return [*list_changing(head, head.variables), *head.optimizer.variables]


def _packed(checkpoint: Checkpoint) -> bytes:
    standing = checkpoint.standing
    metadata = {
        "version": _VERSION,
        "about": checkpoint.about,
        "epoch": standing.epoch,
        "batches": standing.batches,
        "sums": standing.means.sums,
        "images": standing.means.images,
        "weight": standing.means.weight,
        "phase": standing.phase,
        "epochs_before": standing.epochs_before,
        "best_epoch": standing.best.epoch,
        "best_logs": standing.best.logs,
    }
    arrays = {
        **_named("variable", checkpoint.variables),
        **_named("generator", checkpoint.generators),
        **_named("best", standing.best.weights),
    }
    file = io.BytesIO()
    np.savez(file, metadata=np.frombuffer(json.dumps(metadata).encode(), np.uint8), **arrays)
    return file.getvalue()


def _unpacked(payload: memoryview) -> Checkpoint:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        metadata = json.loads(arrays["metadata"].tobytes())
        if metadata["version"] != _VERSION:
            raise ValueError(f"version {metadata['version']}")
        best = Best(metadata["best_epoch"], metadata["best_logs"], _listed("best", arrays))
        means = Means(metadata["sums"], metadata["images"], metadata["weight"])
        return Checkpoint(
            metadata["about"],
            TrainingState(
                metadata["epoch"],
                metadata["batches"],
                means,
                best,
                metadata["phase"],
                metadata["epochs_before"],
            ),
            _listed("variable", arrays),
            _listed("generator", arrays),
        )


def _named(name: str, arrays: Arrays) -> dict[str, Any]:
    # .npz files do not support bfloat16 and similar types; float32 represents all their values.
    plain = [each.astype(np.float32) if each.dtype.kind == "V" else each for each in arrays]
    return {f"{name} {at}": each for at, each in enumerate(plain)}


def _listed(name: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    many = sum(each.startswith(f"{name} ") for each in arrays)
    return [arrays[f"{name} {at}"] for at in range(many)]

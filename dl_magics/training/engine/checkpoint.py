"""The checkpoint of a run: all that it needs to go on exactly.

It is one file that is whole or not there: an uncompressed .npz with its own sha256 behind it.
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
from dl_magics.runs.events import CheckpointSaved
from dl_magics.store import atomic
from dl_magics.training.engine.head import Best, Means, TrainingState

FILE_NAME = "checkpoint.npz"

_VERSION = 1
_SECONDS_WITHIN_AN_EPOCH = 10.0
_LARGEST_SHARE = 0.01  # of the time, for saving
_BYTES_PER_SECOND = 2e8  # a guess, until the first one is saved

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A run at one moment.

    `about` is what it learns from, as plain values: another run has others. `variables` are those
    of the head and its optimizer, `generators` the states of the backend's own random numbers.
    Before the first batch of the head there are none.
    """

    about: Mapping[str, Any]
    standing: TrainingState = field(default_factory=TrainingState)
    variables: Arrays = field(default_factory=list)
    generators: Arrays = field(default_factory=list)


def capture(head: Any, standing: TrainingState, about: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint of a head that is being trained."""
    from keras import ops

    values = [np.asarray(ops.convert_to_numpy(each)) for each in _variables(head)]
    return Checkpoint(about, standing, values, _generators())


def restore(head: Any, checkpoint: Checkpoint) -> None:
    """Put a new head and its optimizer where the checkpoint was taken.

    Raises
    ------
    NotResumable
        where the head is built in another way than it was.
    """
    if not checkpoint.variables:
        return
    variables = _variables(head)
    shapes = [tuple(each.shape) for each in variables]
    if shapes != [each.shape for each in checkpoint.variables]:
        raise NotResumable(
            "The head is built in another way now than when the run began.",
            fix="Go on with the versions that its log begins with, or train anew.",
        )
    for variable, value in zip(variables, checkpoint.variables, strict=True):
        variable.assign(value)
    _set_generators(checkpoint.generators)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> CheckpointSaved:
    """Write a checkpoint in one step: until it is whole and on disk, the one before stays."""
    payload = _packed(checkpoint)
    digest = hashlib.sha256(payload)
    with atomic.replacing(folder / FILE_NAME) as unfinished, unfinished.open("wb") as file:
        file.write(payload)
        file.write(digest.digest())
    digest.update(digest.digest())
    return CheckpointSaved(path=FILE_NAME, sha256=digest.hexdigest())


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in the folder of a run, if there is one.

    Raises
    ------
    DamagedRun
        where it is not what was written.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    data = path.read_bytes()
    payload, sum_ = memoryview(data)[:-32], data[-32:]
    if hashlib.sha256(payload).digest() != sum_:
        raise DamagedRun(f"{path} is damaged.", fix="%finetune --resume goes on without it.")
    try:
        return _unpacked(payload)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedRun(
            f"{path} was written by another version: {error}",
            fix="%finetune --resume goes on without it.",
        ) from error


def remove(folder: Path) -> None:
    """Take the checkpoint away: the run needs none any more."""
    for path in (folder / FILE_NAME, *atomic.find_unfinished(folder / FILE_NAME)):
        path.unlink(missing_ok=True)


@dataclass
class CheckpointSaver:
    """Saves a head while it learns: at the end of each epoch, and now and then within a long one.

    Where epochs take no time some are passed over, so that saving takes a hundredth of the time.
    """

    folder: Path
    head: Any
    about: Mapping[str, Any]
    timer: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        numbers = sum(math.prod(each.shape) for each in _variables(self.head))
        self._saved, self._took = self.timer(), 4 * numbers / _BYTES_PER_SECOND

    def save_if_due(self, standing: TrainingState) -> Iterator[CheckpointSaved]:
        """Save if it is time to."""
        before = self.timer()
        pause = self._took / _LARGEST_SHARE
        if standing.batches:
            pause = max(pause, _SECONDS_WITHIN_AN_EPOCH)
        if before - self._saved < pause:
            return
        saved = save_checkpoint(self.folder, capture(self.head, standing, self.about))
        self._saved = self.timer()
        self._took = self._saved - before
        yield saved


def _variables(head: Any) -> list[Any]:
    """Return the weights, the seeds of layers such as Dropout, and the slots of the optimizer."""
    return [*head.variables, *head.optimizer.variables]


def _packed(checkpoint: Checkpoint) -> bytes:
    standing = checkpoint.standing
    told = {
        "version": _VERSION,
        "about": checkpoint.about,
        "epoch": standing.epoch,
        "batches": standing.batches,
        "sums": standing.means.sums,
        "images": standing.means.images,
        "best_epoch": standing.best.epoch,
        "best_logs": standing.best.logs,
    }
    arrays = {
        **_named("variable", checkpoint.variables),
        **_named("generator", checkpoint.generators),
        **_named("best", standing.best.weights),
    }
    file = io.BytesIO()
    np.savez(file, told=np.frombuffer(json.dumps(told).encode(), np.uint8), **arrays)
    return file.getvalue()


def _unpacked(payload: memoryview) -> Checkpoint:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        told = json.loads(arrays["told"].tobytes())
        if told["version"] != _VERSION:
            raise ValueError(f"version {told['version']}")
        best = Best(told["best_epoch"], told["best_logs"], _listed("best", arrays))
        means = Means(told["sums"], told["images"])
        return Checkpoint(
            told["about"],
            TrainingState(told["epoch"], told["batches"], means, best),
            _listed("variable", arrays),
            _listed("generator", arrays),
        )


def _named(name: str, arrays: Arrays) -> dict[str, Any]:
    # NumPy's files know no bfloat16 and its like; float32 holds each of their values.
    plain = [each.astype(np.float32) if each.dtype.kind == "V" else each for each in arrays]
    return {f"{name} {at}": each for at, each in enumerate(plain)}


def _listed(name: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    many = sum(each.startswith(f"{name} ") for each in arrays)
    return [arrays[f"{name} {at}"] for at in range(many)]


def _generators() -> Arrays:
    """Return the states of torch's generators: its Dropout draws from them, not from seeds."""
    import keras

    if keras.config.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states += torch.cuda.get_rng_state_all()
    return [each.cpu().numpy() for each in states]


def _set_generators(states: Arrays) -> None:
    import keras

    if keras.config.backend() != "torch" or not states:
        return
    import torch

    tensors = [torch.from_numpy(each) for each in states]
    torch.set_rng_state(tensors[0])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(tensors[1 : 1 + torch.cuda.device_count()])

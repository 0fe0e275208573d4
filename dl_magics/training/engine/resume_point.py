"""What an interrupted run left in its folder, and whether it can go on with what is there now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs.events import Event, PhaseStarted, RunResumed, Warned
from dl_magics.runs.record import RunRecord
from dl_magics.runs.state import RunState
from dl_magics.training.engine import checkpoint, compute_settings
from dl_magics.training.engine.checkpoint import Checkpoint
from dl_magics.training.engine.compute_settings import ComputeSettings
from dl_magics.training.engine.device import Device
from dl_magics.training.recipe.recipe import Recipe


@dataclass(frozen=True)
class ResumePoint:
    """A run up to its interruption.

    `seconds` are those of its phases so far; `lost` says why its checkpoint is of no use. Without
    a checkpoint the head is trained from its first batch on, which gives the same numbers.
    """

    state: RunState
    recipe: Recipe
    seconds: Mapping[str, float]
    checkpoint: Checkpoint | None
    lost: str = ""

    def restore_threads(self) -> None:
        """Compute with the number of threads that the run began with, where that is possible."""
        import keras

        if self.state.versions.get("backend") == keras.config.backend():
            compute_settings.set_threads(int(self.state.compute.get("threads", 0)))

    def batch_size(self, device: Device, fitting: int) -> int:
        """Return how many images the frozen part takes at once: as before, where that still fits.

        Another batch size may change the last digits of the features.
        """
        if not self.checkpoint:
            return fitting
        before = int(self.checkpoint.about["batch_size"])
        if str(device) == self.state.device:
            return before
        return before if self._is_same_kind(device) and before <= fitting else fitting

    def refuse(self, about: Mapping[str, Any], folder: ImageFolder, backend: str) -> None:
        """Raise NotResumable where the run would go on with something else than it began with."""
        data = self.recipe.data
        anew = f"or start a new run: %%finetune {data}"
        began = self.state.versions.get("backend", backend)
        if backend != began:
            raise NotResumable(
                f"The run began on {began}; Keras runs on {backend} here.",
                fix=f"Restart the kernel with: %env KERAS_BACKEND={began}",
            )
        if not _same(about["recipe"], self.state.recipe):
            raise NotResumable(
                f"The recipe is not the one that the run {self.state.run} began with.",
                fix="Go on with its own: %finetune --resume · or train anew with the other.",
            )
        counts = folder.counts()
        if not _same(counts, self.state.counts) or not self._has_same("data", about):
            raise NotResumable(
                f"What is in {data} is not what the run began with: "
                f"{_told(self.state.counts)} then, {_told(counts)} now.",
                fix=f"Put each image back as it was and repeat, {anew}",
            )
        if not self._has_same("weights", about):
            raise NotResumable(
                f"The weights of {self.recipe.model} are not those that the run began with "
                f"(weights = {self.recipe.weights!r}).",
                fix=f"Put the file back and repeat, {anew}",
            )

    def doubts(
        self, versions: Mapping[str, str], device: Device, compute: ComputeSettings
    ) -> Iterator[Warned]:
        """Yield a warning for each change of the last digits, and for a lost checkpoint."""
        before = dict(self.state.versions)
        now = dict(versions)
        if not self._is_same_kind(device):
            before["device"], now["device"] = self.state.device, str(device)
        for name, value in now.items():
            if before.get(name, value) != value:
                yield Warned(
                    code=f"other_{name}",
                    text=f"The run began with {name} {before[name]} and continues with {value}.",
                    fix=compute_settings.MAY_DIFFER,
                )
        if device.kind == "cpu":
            yield from compute_settings.changes(self.state.compute, compute, versions["backend"])
        if self.lost:
            yield Warned(
                code="checkpoint_lost",
                text=f"The checkpoint cannot be used: {self.lost} The head is trained again from "
                "its first batch.",
                fix="No action is needed: the features are kept.",
            )

    def _is_same_kind(self, device: Device) -> bool:
        """Compare devices; of processors, the number of cores alone makes no difference."""
        one, other = self.state.device, str(device)
        if device.kind == "cpu":
            one, other = one.partition(",")[0], other.partition(",")[0]
        return one == other

    def _has_same(self, name: str, about: Mapping[str, Any]) -> bool:
        return not self.checkpoint or self.checkpoint.about.get(name) == about[name]


def load_resume_point(record: RunRecord) -> ResumePoint:
    """Return the past of the interrupted run that a record reads.

    Raises
    ------
    NotResumable
        where it came to its end, or never began.
    DamagedRun
        where its log cannot be read.
    """
    folder, state = record.folder, record.refresh()
    if not state.started_at:
        raise NotResumable(
            f"The run {folder.name} had not begun when it was interrupted.",
            fix="Train anew: %%finetune data/dogscats",
        )
    if state.status not in ("running", "interrupted"):
        raise NotResumable(
            f"The run {folder.name} came to its end: it is {state.status}.",
            fix=f"Train anew: %%finetune {state.recipe.get('data', '')} (its features are kept) · "
            f"see it: %attach {folder.name}",
        )
    if state.versions.get("backend") == "theano":
        raise NotResumable(
            f"The run {folder.name} began on Theano, which keeps no checkpoint.",
            fix="Run its cell again: the features that it computed are kept.",
        )
    try:
        recipe = Recipe.from_json(state.recipe)
    except (TypeError, KeyError) as error:
        version = state.versions.get("dl_magics", "?")
        raise NotResumable(
            f"The run {folder.name} was begun by dl_magics {version}: {error}",
            fix=f"%pip install dl-magics=={version}",
        ) from error
    found, lost = _checkpoint(folder, state)
    return ResumePoint(state, recipe, _seconds(record.events), found, lost)


def _checkpoint(folder: Path, state: RunState) -> tuple[Checkpoint | None, str]:
    try:
        found = checkpoint.load_checkpoint(folder)
    except DamagedRun as error:
        return None, str(error)
    told = {each["epoch"] for each in state.epochs}
    if found and not told.issuperset(range(1, found.standing.epoch)):
        # After a power cut: the checkpoint reached the disk, the lines before it did not.
        return None, f"{folder / checkpoint.FILE_NAME} is ahead of the log."
    return found, ""


def _seconds(events: Sequence[Event]) -> dict[str, float]:
    """Return the seconds of each phase, without the times in which the run did not go on."""
    seconds = {"start": 0.0}
    phase = "start"
    for before, event in pairwise(events):
        if isinstance(event, RunResumed):
            phase = "start"
            continue
        if isinstance(before, PhaseStarted):
            phase = before.phase
        seconds[phase] = seconds.get(phase, 0.0) + max(event.t - before.t, 0.0)
    return seconds


def _same(one: Any, other: Any) -> bool:
    """Compare plain values as a file keeps them: there a tuple is a list, and NaN equals NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _told(counts: Mapping[str, Mapping[str, int]]) -> str:
    train, valid = (sum(counts[part].values()) for part in ("train", "valid"))
    return f"{train:,} + {valid:,} images"

"""What an interrupted run left in its folder, and whether it can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs.events import CheckpointSaved, Event, PhaseStarted, RunResumed, Warned
from dl_magics.runs.record import RunRecord
from dl_magics.runs.state import RunState
from dl_magics.training.class_order import require_class_order
from dl_magics.training.engine import checkpoint, compute_settings
from dl_magics.training.engine.checkpoint import Checkpoint
from dl_magics.training.engine.compute_settings import ComputeSettings
from dl_magics.training.engine.device import Device, format_devices
from dl_magics.training.engine.fingerprint import format_identity
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.steps.budget import CUT


@dataclass(frozen=True)
class ResumePoint:
    """A run up to its interruption.

    `seconds` is the duration of its phases so far; `identity` says what it trains on, empty where
    its log does not have it; `lost` says why its checkpoint cannot be used. Without a checkpoint
    the head is trained from its first batch, with the same results.
    """

    state: RunState
    recipe: Recipe
    seconds: Mapping[str, float]
    identity: Mapping[str, str]
    checkpoint: Checkpoint | None
    lost: str = ""

    def restore_threads(self) -> None:
        """Set the number of threads that the run began with, where the backend allows it."""
        import keras

        if self.state.versions.get("backend") == keras.config.backend():
            compute_settings.set_threads(int(self.state.compute.get("threads", 0)))

    def batch_size(self, device: Device, fitting: int) -> int:
        """Return the batch size of the frozen part: the previous one if it still fits into memory.

        Another batch size may change the last digits of the features.
        """
        if not self.checkpoint:
            return fitting
        before = int(self.checkpoint.about["batch_size"])
        if device.name == self._device_name:
            return before
        return before if self._is_same_kind(device) and before <= fitting else fitting

    def count_devices(self, device: Device) -> int | None:
        """Return the number of devices that the run began with; None if they are others now."""
        return self._devices if self._is_same_kind(device) else None

    def require_same_run(self, about: Mapping[str, Any], folder: ImageFolder, backend: str) -> None:
        """Raise NotResumable if the data, recipe, weights or backend of the run changed."""
        began = self.state.versions.get("backend", backend)
        if backend != began:
            raise NotResumable(
                f"The run began on {began}; Keras runs on {backend} here.",
                fix=f"Restart the kernel with: %env KERAS_BACKEND={began}",
            )
        # Settings that were unknown to the version that began the run have their defaults.
        began_with = Recipe.from_json(self.state.recipe).to_json()
        if not _same(_without_paths(about["recipe"]), _without_paths(began_with)):
            raise NotResumable(
                f"The recipe differs from the one that the run {self.state.run} started with.",
                fix="Resume with the original recipe: %finetune --resume · or start a new run.",
            )
        if any(each["code"] == CUT for each in self.state.warnings):
            raise NotResumable(
                f"The budget of the run {self.state.run} did not suffice for all images: which of "
                "them it trained on is not known any more.",
                fix="Run the cell again for a new run, which uses the features that are kept.",
            )
        counts = folder.counts()
        if not _same(counts, self.state.counts) or not self._has_same("data", about):
            raise NotResumable(
                f"The images in {self.recipe.data} are not those that the run started with: "
                f"{_format_counts(self.state.counts)} then, {_format_counts(counts)} now.",
                fix="Put each image back and repeat, or run the cell again for a new run.",
            )
        if not self._has_same("weights", about):
            raise NotResumable(
                f"The weights of {self.recipe.model_name} are not those that the run began with "
                f"(weights = {self.recipe.weights!r}).",
                fix="Put the file back and repeat, or run the cell again for a new run.",
            )

    def warn_of_changes(
        self, versions: Mapping[str, str], device: Device, compute: ComputeSettings
    ) -> Iterator[Warned]:
        """Yield a warning for each change that affects rounding, and for a lost checkpoint."""
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
        # Before its first phase, nothing of a run depends on its images.
        if not self.checkpoint and not self.identity and self.state.phase:
            yield Warned(
                code="unknown_images",
                text="Whether the images and weights are those that the run began with is not "
                "known: an earlier version of dl_magics began it. The number of images is the "
                "same.",
                fix="If they have changed, interrupt and run the cell again for a new run.",
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

    @property
    def _devices(self) -> int:
        return int(self.state.compute.get("devices", 1))

    @property
    def _device_name(self) -> str:
        return self.state.device.removeprefix(format_devices("", self._devices))

    def _is_same_kind(self, device: Device) -> bool:
        """Compare devices; their number is ignored, for CPUs that of the cores."""
        one, other = self._device_name, device.name
        if device.kind == "cpu":
            one, other = one.partition(",")[0], other.partition(",")[0]
        return one == other

    def _has_same(self, name: str, about: Mapping[str, Any]) -> bool:
        if self.checkpoint:
            return bool(self.checkpoint.about.get(name) == about[name])
        return not self.identity or self.identity[name] == format_identity(about)[name]


def load_resume_point(record: RunRecord) -> ResumePoint:
    """Return the resume point of the interrupted run in a record.

    Raises
    ------
    NotResumable
        where the run is complete, or never started.
    DamagedRun
        where its log cannot be read, or its classes have wrong names.
    """
    folder, state = record.folder, record.refresh()
    if not state.started_at:
        raise NotResumable(
            f"The run {folder.name} had not begun when it was interrupted.",
            fix="Start a new run: %%finetune data/dogscats",
        )
    if state.status not in ("running", "interrupted"):
        raise NotResumable(
            f"The run {folder.name} has already ended with the status {state.status}.",
            fix="For a new run, run the cell again (its features are kept) · see it: "
            f"%attach {folder.name}",
        )
    if state.versions.get("backend") == "theano":
        raise NotResumable(
            f"The run {folder.name} began on Theano, which keeps no checkpoint.",
            fix="Run its cell again: the features that it computed are kept.",
        )
    require_class_order(state)
    try:
        recipe = Recipe.from_json(state.recipe)
    except (TypeError, KeyError) as error:
        version = state.versions.get("dl_magics", "?")
        raise NotResumable(
            f"The run {folder.name} was begun by dl_magics {version}: {error}",
            fix=f"%pip install dl-magics=={version}",
        ) from error
    found, lost = _checkpoint(folder, state)
    seconds, identity = _seconds(record.events), _find_identity(record.events)
    return ResumePoint(state, recipe, seconds, identity, found, lost)


def _checkpoint(folder: Path, state: RunState) -> tuple[Checkpoint | None, str]:
    try:
        found = checkpoint.load_checkpoint(folder)
    except DamagedRun as error:
        return None, str(error)
    logged = {each["epoch"] for each in state.epochs}
    if found and not logged.issuperset(range(1, found.standing.epoch)):
        # After a power failure the checkpoint may be on disk, but not the log lines before it.
        return None, f"{folder / checkpoint.FILE_NAME} is ahead of the log."
    return found, ""


def _find_identity(events: Sequence[Event]) -> Mapping[str, str]:
    logged = (each.identity for each in events if isinstance(each, CheckpointSaved))
    return next((each for each in logged if each.keys() >= {"data", "weights"}), {})


def _seconds(events: Sequence[Event]) -> dict[str, float]:
    """Return the seconds of each phase, without the time between interruption and resumption."""
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


def _without_paths(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without where its images, model and weights are: on another host elsewhere.

    The images and, by their sha256, the weights are compared by content.
    """
    names = {
        key: PurePosixPath(value).name if isinstance(value, str) else value
        for key in ("model", "weights")
        for value in [recipe.get(key)]
    }
    return {**recipe, "data": None, **names}


def _same(one: Any, other: Any) -> bool:
    """Compare plain values after a round trip through JSON: a tuple is a list, NaN equals NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _format_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    train, valid = (sum(counts[part].values()) for part in ("train", "valid"))
    return f"{train:,} + {valid:,} images"

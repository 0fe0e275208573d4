"""The frame of a run that both engines share: its clock, phases, stop, failures and end.

An engine gives the steps, a generator of events; the frame turns them into a run that always ends
with `RunEnded`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dl_magics.data import folders
from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DLMagicsError, NotResumable, TrainingFailed, UserError
from dl_magics.runs import checkpoint_request, write_errors
from dl_magics.runs.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    PhaseStarted,
    RunEnded,
    RunStarted,
    Warned,
)
from dl_magics.runs.field_rules import Phase, Status
from dl_magics.training.checks import data_checks
from dl_magics.training.engine import scanned_images
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import fill_store
from dl_magics.training.engine.feature_store import Store
from dl_magics.training.engine.heads.training import Best
from dl_magics.training.engine.inference.compute import Compute
from dl_magics.training.engine.inference.out_of_memory import is_out_of_memory
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.steps.budget import make_budget


@dataclass
class Frame:
    """A run from its first step to its end, in its own `folder`.

    `host` says where it trains. `seconds` are those of the phases so far, `files` the sha256 of
    each file it saved, `best` the best epoch so far, `classes` their number once the images were
    found, `spent` the dollars that it cost before it was resumed; `has_started` is true after its
    first event, `stopped` once it was stopped or ran out of time or money.
    """

    recipe: Recipe
    folder: Path
    host: Mapping[str, Any]
    stop_requested: Callable[[], bool]
    timer: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    best: Best = field(default_factory=Best)
    classes: int = 0
    has_started: bool = False
    spent: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        self._phase_started = self.timer()
        self._started = self._phase_started - sum(self.seconds.values())
        self._phase = "start"
        self.budget = make_budget(self.recipe, self.host, self._phase_started, self.spent)

    def run(self, steps: Iterator[Event]) -> Iterator[Event]:
        """Yield the events of the steps, and last how the run ended; a failure is raised after it.

        An OSError becomes DiskFull, NoFolder or TrainingFailed; KeyboardInterrupt ends the run at
        once. What is refused before the run has started is raised only.
        """
        try:
            yield from self._watch(steps)
        except NotResumable as error:
            yield self._ended("interrupted", str(error), error.fix)
            raise
        except DLMagicsError as error:
            if isinstance(error, UserError) and not self.has_started:
                raise
            yield self._ended("failed", str(error), error.fix)
            raise
        except KeyboardInterrupt:
            yield self._ended("interrupted")
            raise
        except OSError as error:
            failed = write_errors.explain_failure(error, self.folder)
            yield self._ended("failed", str(failed), failed.fix)
            raise failed from error
        except Exception as error:
            if is_out_of_memory(error):
                happened = "The memory of the device is full."
                fix = (
                    "End what else uses it (%gpu_status shows the GPU), or lower batch_size or "
                    "image_size; features already computed are kept."
                )
                yield self._ended("failed", happened, fix)
                raise TrainingFailed(happened, fix=fix) from error
            # Whatever the backend raises: the log must say how the run ended.
            yield self._ended("failed", f"{type(error).__name__}: {error}")
            raise
        else:
            yield self._ended("stopped" if self.stopped else "done")

    def _watch(self, steps: Iterator[Event]) -> Iterator[Event]:
        """Warn of the end of the instance, and once, as soon as an epoch shows that it diverges."""
        warnings: list[Warned] = []
        for event in steps:
            self.has_started = True
            yield event
            # Each image that was computed is kept: there is nothing to save.
            asked = self._phase == "features" and checkpoint_request.take_request(self.folder)
            if asked:
                yield asked.make_warning()
            if isinstance(event, EpochEnded) and not warnings:
                warnings += data_checks.warn_of_divergence(event, self.recipe, self.classes)
                yield from warnings

    def should_stop(self) -> bool:
        """Return whether a stop was requested, or `max_duration` or the budget is over.

        Once true, it is always true.
        """
        limit, now = self.recipe.max_duration, self.timer()
        late = limit is not None and now - self._started > limit
        spent = self.budget is not None and self.budget.is_spent(now)
        self.stopped = self.stopped or late or spent or self.stop_requested()
        return self.stopped

    def keeps_first_epoch(self) -> bool:
        """Return whether the run ends by its budget: a part of an epoch is better than none."""
        return bool(self.budget and self.budget.is_over)

    def enter_phase(self, phase: str) -> None:
        """Count the seconds from now on as those of `phase`."""
        now = self.timer()
        before = self.seconds.get(self._phase, 0.0)
        self.seconds[self._phase] = round(before + now - self._phase_started, 3)
        self._phase, self._phase_started = phase, now
        if self.budget:
            self.budget.begin_phase(now)

    def started(
        self,
        folder: ImageFolder,
        device: Device,
        versions: Mapping[str, str],
        compute: Mapping[str, Any],
    ) -> RunStarted:
        """Return the first event of a new run."""
        return RunStarted(
            **self._describe(),
            classes=list(folder.classes),
            counts=folder.counts(),
            versions=versions,
            device=str(device),
            compute=compute,
        )

    def scan_images(self, folder: ImageFolder) -> ScannedImages:
        """Read each file once. Raises BadData where most are broken."""
        self.classes = len(folder.classes)
        return scanned_images.scan_folder(folder, self.recipe)

    def compute_features(
        self, images: ScannedImages, batch_size: int, store: Store, compute: Compute
    ) -> Generator[Event, None, bool]:
        """Enter the phase "features": fill the store.

        Return false where the run was stopped before it had weights to keep. A budget that does not
        suffice for all images leaves those that were computed.
        """
        recipe = self.recipe
        self.enter_phase("features")
        yield from data_checks.warn_of_layout(images.folder)
        yield from data_checks.warn_of_duplicates(images.folder.classes, images.train, images.valid)
        yield from data_checks.warn_of_gray(images.gray)
        filling = fill_store(
            store,
            images.shuffle_views(recipe.seed) if self.budget else images.views,
            recipe.image_size,
            batch_size,
            recipe.seed,
            compute,
            # The best weights of an earlier stretch are useless without the features.
            self._should_stop_features if self.best.epoch is None else lambda: False,
            images.broken,
        )
        yield from self.budget.follow_prices(filling, self.timer) if self.budget else filling
        if self.budget and self.budget.ended_features:
            yield from images.keep_computed(store, self.budget)
            self.stopped = self.stopped or not images.has_each_class()
        if self.should_stop() and self.best.epoch is None:
            return False
        yield images.describe()
        images.refuse_broken()
        return True

    def _should_stop_features(self) -> bool:
        enough = self.budget and self.budget.is_spent_on_features(self.timer())
        return bool(enough) or self.should_stop()

    def enter_training(self, phase: Phase = "head", kept: int = 0) -> PhaseStarted:
        """Enter a phase of training, `kept` epochs of which are done already."""
        self.enter_phase(phase)
        total = self.recipe.epochs if phase == "head" else self.recipe.unfreeze_epochs
        return PhaseStarted(phase=phase, total=total, unit="epochs", kept=kept)

    def save_model(self, name: str, images: int, save: Callable[[Path], str]) -> Iterator[Event]:
        """Enter the phase "evaluate": save the model; `save` returns the sha256 of its file."""
        if self.budget and self.budget.is_over:
            yield self.budget.warn_of_end(self.best.epoch)
        self.enter_phase("evaluate")
        yield PhaseStarted(phase="evaluate", total=images, unit="images")
        self.files[name] = save(self.folder / name)
        size = (self.folder / name).stat().st_size
        yield CheckpointSaved(path=name, sha256=self.files[name], size=size)

    def _ended(self, status: Status, error: str = "", fix: str = "") -> RunEnded:
        self.enter_phase("end")
        not_started = {} if self.has_started else self._describe()
        return RunEnded(
            status=status,
            best_epoch=self.best.epoch,
            best=self.best.logs,
            files=self.files,
            seconds=self.seconds,
            error=error,
            fix=fix,
            **not_started,
        )

    def _describe(self) -> dict[str, Any]:
        return {"run": self.folder.name, "recipe": self.recipe.to_json(), "host": self.host}


def find_images(recipe: Recipe) -> ImageFolder:
    """Return the image folder of a recipe. Raises BadData where it cannot be trained on."""
    return folders.find_images(
        recipe.data, valid=recipe.valid, sample=recipe.sample, seed=recipe.seed
    )

"""The run: a generator of events, from the photos to a saved model."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dl_magics.data import folders
from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DLMagicsError, NotResumable, TrainingFailed
from dl_magics.runs.events import (
    CheckpointSaved,
    DataChecked,
    Event,
    PhaseStarted,
    RunEnded,
    RunResumed,
    RunStarted,
    Status,
    stamp_events,
)
from dl_magics.runs.paths import RunPaths
from dl_magics.training.engine import (
    checkpoint,
    compute_settings,
    data_checks,
    device,
    disk_space,
    fingerprint,
    networks,
)
from dl_magics.training.engine.checkpoint import Checkpoint, Keeper
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import Broken, View, fill, scan, told
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.head import Examples, Standing, learn
from dl_magics.training.engine.resume_point import Past
from dl_magics.training.recipe.recipe import Recipe

MODEL = "model.keras"


def run(
    recipe: Recipe,
    paths: RunPaths,
    *,
    stop: Callable[[], bool] = lambda: False,
    host: Mapping[str, Any] | None = None,
    past: Past | None = None,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, None]:
    """Fine-tune as the recipe says; yield every event, numbered, the last one `RunEnded`.

    The run ends at a batch boundary when `stop()` is true, and keeps the best weights. A failure
    is a `RunEnded` too, and is raised after it; so is KeyboardInterrupt, which ends it at once.
    With a `past` it goes on, from `RunResumed`, to the numbers of a run without a break.
    """
    run = _Run(recipe, paths, stop, host or {"local": True}, past, timer)
    yield from stamp_events(run.events(), clock, since=past.state.n if past else 0)


@dataclass
class _Run:
    recipe: Recipe
    paths: RunPaths
    asked_to_stop: Callable[[], bool]
    host: Mapping[str, Any]
    past: Past | None
    timer: Callable[[], float]
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seconds = dict(self.past.seconds) if self.past else {}
        self._checkpoint = self.past.checkpoint if self.past else None
        self.standing = self._checkpoint.standing if self._checkpoint else Standing()
        self._phase_started = self.timer()
        self._started = self._phase_started - sum(self.seconds.values())
        self._phase = "start"
        self._stopped = False

    def events(self) -> Iterator[Event]:
        try:
            yield from self._steps()
        except NotResumable as error:
            yield self._ended("interrupted", str(error), error.fix)
            raise
        except DLMagicsError as error:
            yield self._ended("failed", str(error), error.fix)
            raise
        except KeyboardInterrupt:
            yield self._ended("interrupted")
            raise
        except OSError as error:
            happened = f"{error.strerror or error}: {error.filename or self.paths.run}"
            fix = "Mend it and run the cell again; features that were computed are kept."
            yield self._ended("failed", happened, fix)
            raise TrainingFailed(happened, fix=fix) from error
        except Exception as error:
            # Whatever the backend raises: the log must say how the run ended.
            yield self._ended("failed", f"{type(error).__name__}: {error}")
            raise
        else:
            yield self._ended("stopped" if self._stopped else "done")

    def _steps(self) -> Iterator[Event]:
        recipe = self.recipe
        folder = folders.find(
            recipe.data, valid=recipe.valid, sample=recipe.sample, seed=recipe.seed
        )
        if self.past:
            self.past.restore_threads()
        found = device.find()
        precision = device.precision(recipe.mixed_precision, found)
        if not self.past:
            yield self._run_started(folder, found)
            yield from data_checks.of(recipe, folder, found, precision)
            yield from data_checks.fetching(recipe, self.paths.weights)
        frozen = networks.frozen(recipe, precision, self.paths.weights)

        self._enter("features")
        store = FeatureStore(
            self.paths.features,
            fingerprint.space(recipe, frozen, precision, found),
            frozen.features,
        )
        broken: Broken = {}
        train = scan(folder.train, recipe.augment, recipe.seed, broken)
        valid = scan(folder.valid, 0, recipe.seed, broken)
        data_checks.refuse(folder, broken)
        views = [*train, *valid]
        disk_space.refuse(
            disk_space.needed(store, (view.key for view in views), frozen, self.paths.run)
        )
        batch = device.batch_size(recipe.batch_size, found, frozen.widest)
        if self.past:
            batch = self.past.batch_size(found, batch)
        about = fingerprint.about(recipe, frozen, train, valid, batch)
        if self.past:
            self.past.refuse(about, folder, fingerprint.versions()["backend"])
            yield self._run_resumed(self.past, found)
            yield from data_checks.of(recipe, folder, found, precision)
            yield from self.past.doubts(fingerprint.versions(), found, compute_settings.detect())
        if not self._checkpoint:
            yield checkpoint.write(self.paths.run, Checkpoint(about))
        yield from fill(
            store,
            views,
            recipe.image_size,
            batch,
            recipe.seed,
            lambda pixels: np.asarray(frozen.fast.predict_on_batch(pixels)),
            # Best weights that are there already are worth nothing without the features.
            self._stop if self.standing.best.epoch is None else lambda: False,
            broken,
        )
        if self._stop() and self.standing.best.epoch is None:
            return
        yield DataChecked(images=len(folder.train) + len(folder.valid), skipped=told(broken))
        data_checks.refuse(folder, broken)

        self._enter("head")
        examples = _examples(store, train, broken)
        checks = _examples(store, valid, broken)
        trained = networks.head(recipe, examples.features, len(folder.classes))
        yield from self._learn(trained, examples, checks, about)
        if self.standing.best.epoch is None:
            return

        self._enter("evaluate")
        yield PhaseStarted(phase="evaluate", total=len(checks), unit="images")
        sha256 = networks.save(
            networks.whole(frozen, trained), folder.classes, self.paths.run / MODEL
        )
        self.files[MODEL] = sha256
        yield CheckpointSaved(path=MODEL, sha256=sha256)

    def _learn(
        self, head: Any, train: Examples, valid: Examples, about: Mapping[str, Any]
    ) -> Iterator[Event]:
        recipe, kept = self.recipe, self.standing.epoch - 1
        if self._checkpoint:
            checkpoint.restore(head, self._checkpoint)
        keeper = Keeper(self.paths.run, head, about, self.timer)
        yield PhaseStarted(phase="head", total=recipe.epochs, unit="epochs", kept=kept)
        with device.quiet():
            yield from learn(
                head,
                train,
                valid,
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                patience=recipe.patience,
                seed=recipe.seed,
                stop=self._stop,
                standing=self.standing,
                keep=keeper.keep,
            )

    def _stop(self) -> bool:
        limit = self.recipe.max_duration
        late = limit is not None and self.timer() - self._started > limit
        self._stopped = self._stopped or late or self.asked_to_stop()
        return self._stopped

    def _enter(self, phase: str) -> None:
        now = self.timer()
        before = self.seconds.get(self._phase, 0.0)
        self.seconds[self._phase] = round(before + now - self._phase_started, 3)
        self._phase, self._phase_started = phase, now

    def _ended(self, status: Status, error: str = "", fix: str = "") -> RunEnded:
        self._enter("end")
        if status in ("done", "stopped"):  # one that failed may not even have gone on yet
            checkpoint.remove(self.paths.run)
        best = self.standing.best
        return RunEnded(
            status=status,
            best_epoch=best.epoch,
            best=best.logs,
            files=self.files,
            seconds=self.seconds,
            error=error,
            fix=fix,
        )

    def _run_started(self, folder: ImageFolder, found: Device) -> RunStarted:
        return RunStarted(
            run=self.paths.run.name,
            recipe=self.recipe.to_json(),
            classes=list(folder.classes),
            counts=folder.counts(),
            host=self.host,
            versions=fingerprint.versions(),
            device=str(found),
            compute=compute_settings.detect().to_json(),
        )

    def _run_resumed(self, past: Past, found: Device) -> RunResumed:
        return RunResumed(
            interrupted_at=past.state.n,
            epoch=self.standing.epoch,
            batches=self.standing.batches,
            host=self.host,
            versions=fingerprint.versions(),
            device=str(found),
            compute=compute_settings.detect().to_json(),
        )


def _examples(store: FeatureStore, views: Sequence[View], broken: Broken) -> Examples:
    sound = [view for view in views if view.photo.path not in broken]
    labels = np.array([view.photo.label for view in sound], np.int64)
    return Examples(store.get([view.key for view in sound]), labels)

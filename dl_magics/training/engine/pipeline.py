"""A run on Keras 3: a generator of events, from the images to a saved model."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.data.folders import ImageFolder
from dl_magics.runs.events import Event, RunResumed, stamp_events
from dl_magics.runs.paths import RunPaths
from dl_magics.training import backend_messages, keras_import, phases
from dl_magics.training.backbones import load
from dl_magics.training.checks import data_checks, disk_space, head_check
from dl_magics.training.crew import computing
from dl_magics.training.crew.crew import Crew
from dl_magics.training.engine import (
    checkpoint,
    compute_settings,
    device,
    fingerprint,
    networks,
)
from dl_magics.training.engine.augmentation import image_flow
from dl_magics.training.engine.checkpoint import Checkpoint, CheckpointSaver
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.fine_tuning.fine_tuning import FineTuning
from dl_magics.training.engine.heads.examples import Examples, require_weighted_classes
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.engine.heads.stored_examples import load_examples
from dl_magics.training.engine.heads.training import (
    TrainingState,
    choose_training_batch,
    train_head,
)
from dl_magics.training.engine.inference import batch_search
from dl_magics.training.engine.inference.out_of_memory import release_memory
from dl_magics.training.engine.keras_context import kept_generators
from dl_magics.training.engine.parallel.training_devices import TrainingDevices
from dl_magics.training.engine.resume_point import ResumePoint
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.evaluation import final
from dl_magics.training.phases import Frame
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.storage import spaces

MODEL = "model.keras"


def run(
    recipe: Recipe,
    paths: RunPaths,
    *,
    stop: Callable[[], bool] = lambda: False,
    host: Mapping[str, Any] | None = None,
    resume_point: ResumePoint | None = None,
    crew: Crew | None = None,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, None]:
    """Fine-tune a recipe; yield every event, numbered, the last one being `RunEnded`.

    The run ends at a batch boundary if `stop()` is true, and keeps the best weights. After an error
    or KeyboardInterrupt, which end it immediately, `RunEnded` is yielded before they are raised.
    With a `resume_point`, the first event is `RunResumed`, and the results equal those of an
    uninterrupted run. A `crew` computes the features. `clock` returns the time of each event,
    `timer` measures the seconds of the phases.
    """
    seconds = dict(resume_point.seconds) if resume_point else {}
    spent = resume_point.state.dollars if resume_point else None
    frame = Frame(
        recipe, paths.run, host or {"local": True}, stop, timer, seconds, spent=spent or 0.0
    )
    steps = _KerasSteps(frame, paths, resume_point, crew)
    yield from stamp_events(
        frame.run(steps.events()), clock, since=resume_point.state.n if resume_point else 0
    )


@dataclass
class _KerasSteps:
    """The steps of a run on Keras 3."""

    frame: Frame
    paths: RunPaths
    resume_point: ResumePoint | None
    crew: Crew | None

    def __post_init__(self) -> None:
        self.checkpoint = self.resume_point.checkpoint if self.resume_point else None
        self.standing = self.checkpoint.standing if self.checkpoint else TrainingState()
        self.frame.best = self.standing.best

    def events(self) -> Iterator[Event]:
        with computing.ending_workers(self.crew), device.hide_retracing_warnings():
            yield from self._begin()
        checkpoint.remove_checkpoint(self.paths.run)

    def _begin(self) -> Iterator[Event]:
        frame, recipe, resume_point = self.frame, self.frame.recipe, self.resume_point
        # What can be refused without Keras is refused before it is imported.
        folder = phases.find_images(recipe)
        require_weighted_classes(recipe, folder.classes)
        load.require_usable(recipe)
        images = frame.scan_images(folder)
        with backend_messages.hold_back(self.paths.run):
            keras_import.import_keras(self._stop_during_import)
            if resume_point:
                resume_point.restore_threads()
            found = computing.detect_device(self.crew, recipe, frame.stop_requested)
        with kept_generators():
            yield from self._train(folder, images, found)

    def _train(self, folder: ImageFolder, images: ScannedImages, found: Device) -> Iterator[Event]:
        frame, recipe, resume_point = self.frame, self.frame.recipe, self.resume_point
        precision = device.choose_precision(recipe.mixed_precision, found)
        measured = None
        if not resume_point:
            compute = compute_settings.detect(found.count).to_json()
            yield frame.started(folder, found, fingerprint.installed_versions(), compute)
            yield from data_checks.warn_before_training(recipe, folder, found, precision)
            yield from data_checks.warn_of_download(recipe, self.paths.weights)
            total = 0 if self.crew else len(folder.train) * (1 + recipe.augment) + len(folder.valid)
            measured = yield from batch_search.find_batch_size(
                recipe, found, precision, total, self.paths.features
            )
        frozen = networks.build_frozen(recipe, precision, self.paths.weights, found.winograd)
        head_check.require_loadable_head(recipe, frozen.features, len(folder.classes))

        if frame.budget:
            frame.budget.plan_saving(frozen.bytes)
        space = fingerprint.feature_space(recipe, frozen, precision, found)
        store = FeatureStore(self.paths.features, space, frozen.features)
        spaces.record_user(store.folder, self.paths.run.name)
        tuning = None
        if recipe.trains_network:
            devices = TrainingDevices(
                found,
                choose_training_batch(recipe.batch_size),
                resume_point.count_devices(found) if resume_point else None,
            )
            tuning = FineTuning.prepare(frame, self.paths, frozen, precision, space, devices)
        disk_space.require_free_space(
            disk_space.add_bytes(
                disk_space.bytes_needed(store, images.views.keys, frozen, self.paths.run),
                tuning.bytes_needed(images) if tuning else {},
            )
        )
        batch = measured or device.choose_batch_size(recipe.batch_size, found, frozen.widest)
        if resume_point:
            batch = resume_point.batch_size(found, batch)
        about = fingerprint.run_identity(recipe, frozen, images.train, images.valid, batch)
        if resume_point:
            resume_point.require_same_run(
                about, folder, fingerprint.installed_versions()["backend"]
            )
            yield self._resumed(resume_point, found)
            yield from data_checks.warn_before_training(recipe, folder, found, precision)
            yield from resume_point.warn_of_changes(
                fingerprint.installed_versions(), found, compute_settings.detect(found.count)
            )
        if not self.checkpoint:
            saved = checkpoint.save_checkpoint(self.paths.run, Checkpoint(about))
            yield replace(saved, identity=fingerprint.format_identity(about))
        if tuning:
            yield from tuning.describe(images)
        yield from image_flow.describe_flow(recipe, images, frozen.fast, found)
        filled = computing.choose_compute(
            self.crew, recipe, frozen, precision, found, batch, store, tuning
        )
        if not (yield from frame.compute_features(images, batch, *filled)):
            return
        computing.end_workers(self.crew)
        if found.kind == "gpu" and not self.crew:
            release_memory()

        train, valid = load_examples(recipe, folder.classes, store, images)
        train = image_flow.let_images_flow(train, recipe, images, frozen.fast, found)
        head = build_head(recipe, train.features, len(folder.classes))
        if self.standing.phase == "head":
            yield from self._learn(head, train, valid, about)
        if self.standing.best.epoch is None:
            return
        if tuning and (self.standing.phase == "unfrozen" or not frame.should_stop()):
            yield from tuning.train(
                head, images, (train, valid), self.standing, self.checkpoint, about, self.crew
            )
            frozen = tuning.frozen

        def save(path: Path) -> str:
            return networks.save_model(networks.join_model(frozen, head), folder.classes, path)

        yield from frame.save_model(MODEL, len(valid), save)
        network, examples = tuning.trained if tuning and tuning.trained else (head, valid)
        final.write_final(
            self.paths.run, images, network, examples.features, model_sha256=frame.files[MODEL]
        )

    def _stop_during_import(self) -> bool:
        # A run on a host ends with its events, by which the other computer learns of its end.
        return bool(self.frame.host.get("local")) and self.frame.stop_requested()

    def _learn(
        self, head: Any, train: Examples, valid: Examples, about: Mapping[str, Any]
    ) -> Iterator[Event]:
        recipe, kept = self.frame.recipe, self.standing.epoch - 1
        if self.checkpoint:
            checkpoint.restore_head(head, self.checkpoint)
        keeper = CheckpointSaver(self.paths.run, head, about, self.frame.timer)
        yield self.frame.enter_training(kept=kept)
        yield from train_head(
            head,
            train,
            valid,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            patience=recipe.patience,
            seed=recipe.seed,
            rate=recipe.learning_rate,
            stop=self.frame.should_stop,
            standing=self.standing,
            keep=keeper.save_if_due,
            keeps_first_epoch=self.frame.keeps_first_epoch,
        )

    def _resumed(self, resume_point: ResumePoint, found: Device) -> RunResumed:
        return RunResumed(
            interrupted_at=resume_point.state.n,
            epoch=self.standing.epoch,
            batches=self.standing.batches,
            host=self.frame.host,
            versions=fingerprint.installed_versions(),
            device=str(found),
            compute=compute_settings.detect(found.count).to_json(),
        )

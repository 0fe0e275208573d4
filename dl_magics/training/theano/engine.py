"""A run on Theano: the same data, events and log; another interpreter computes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dl_magics.runs.events import Event, stamp_events
from dl_magics.runs.paths import RunPaths
from dl_magics.store import atomic
from dl_magics.training import phases
from dl_magics.training.checks import data_checks
from dl_magics.training.engine import device
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.heads.examples import require_weighted_classes, weigh_classes
from dl_magics.training.engine.heads.training import Best, warn_diverged
from dl_magics.training.engine.inference.compute import Immediate
from dl_magics.training.engine.views import Views
from dl_magics.training.phases import Frame
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.storage import spaces
from dl_magics.training.theano import convolutions, examples, limits, messages
from dl_magics.training.theano.process import Interpreter, Process
from dl_magics.version import __version__

MODEL = "model.h5"
_MODEL_BYTES = 14_714_688 * 4  # of the convolutions of VGG16
_KEEP = "keep"  # what the worker's keras1.head.KEEP says
_HEAD_BATCH = 32
_WIDEST_FILTERS = 64


def run(
    recipe: Recipe,
    paths: RunPaths,
    *,
    interpreter: Interpreter,
    stop: Callable[[], bool] = lambda: False,
    host: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, None]:
    """Fine-tune VGG16 on Theano; yield every event, numbered, the last one being `RunEnded`."""
    limits.refuse_unsupported(recipe)
    frame = Frame(recipe, paths.run, host or {"local": True}, stop, timer)
    steps = _TheanoSteps(frame, paths, interpreter)
    yield from stamp_events(frame.run(steps.events()), clock)


@dataclass
class _TheanoSteps:
    """The steps of a run on Keras 1 and Theano; `interpreter` computes."""

    frame: Frame
    paths: RunPaths
    interpreter: Interpreter

    def events(self) -> Iterator[Event]:
        with Process(self.interpreter) as process:
            yield from self._train(process)

    def _train(self, process: Process) -> Iterator[Event]:
        frame, recipe = self.frame, self.frame.recipe
        folder = phases.find_images(recipe)
        require_weighted_classes(recipe, folder.classes)
        images = frame.scan_images(folder)
        weights = convolutions.convolutions_file(self.paths.weights) if recipe.weights else None
        opened = process.ask(
            "open",
            size=recipe.image_size,
            pooling=recipe.pooling,
            seed=recipe.seed,
            weights=str(weights) if weights else None,
        )
        found = Device("cpu", messages.device_name(opened), device.free_memory())
        versions = {"dl_magics": __version__, **opened["versions"]}
        yield frame.started(folder, found, versions, compute={})
        yield from data_checks.warn_before_training(recipe, folder, found, "float32")
        if opened["configured"] != opened["device"]:
            yield messages.warn_of_cpu(opened)

        if frame.budget:
            frame.budget.plan_saving(_MODEL_BYTES)
        space = messages.feature_space(recipe, weights, opened)
        store = FeatureStore(self.paths.features, space, tuple(opened["features"]))
        spaces.record_user(store.folder, self.paths.run.name)
        widest = recipe.image_size**2 * _WIDEST_FILTERS
        batch = device.choose_batch_size(recipe.batch_size, found, widest)
        if not (
            yield from frame.compute_features(
                images, batch, store, Immediate(lambda pixels: process.array("features", pixels))
            )
        ):
            return
        valid = images.readable(images.valid)
        yield from self._learn(process, store, images.readable(images.train), valid, folder.classes)
        if frame.best.epoch is None:
            return

        def save(path: Path) -> str:
            process.ask("save", path=str(path))
            return hashlib.sha256(path.read_bytes()).hexdigest()

        yield from frame.save_model(MODEL, len(valid), save)

    def _learn(
        self,
        process: Process,
        store: FeatureStore,
        train: Views,
        valid: Views,
        classes: Sequence[str],
    ) -> Iterator[Event]:
        frame, recipe = self.frame, self.frame.recipe
        yield frame.enter_training()
        weights = weigh_classes(recipe, classes, train.labels)
        learnt: dict[str, Any] = {}
        with TemporaryDirectory(prefix="dl-magics-") as scratch:
            stop_file = Path(scratch, "stop")
            events = process.events(
                "learn",
                examples=str(examples.write_examples(Path(scratch), store, train, valid)),
                stop=str(stop_file),
                classes=len(classes),
                class_weights=None if weights is None else weights.tolist(),
                epochs=recipe.epochs,
                batch_size=recipe.batch_size if recipe.batch_size != "auto" else _HEAD_BATCH,
                patience=recipe.patience,
                learning_rate=recipe.learning_rate,
                dense=recipe.dense,
                dropout=recipe.dropout,
                seed=recipe.seed,
            )
            for each in events:
                if isinstance(each, Event):
                    yield each
                else:
                    learnt = each["learnt"]
                    frame.best = Best(learnt["epoch"], learnt["logs"])
                if frame.should_stop():
                    atomic.replace(stop_file, _KEEP if frame.keeps_first_epoch() else "")
        frame.stopped = learnt["stopped"]
        if learnt["diverged"]:
            yield warn_diverged(learnt["diverged"], recipe.learning_rate, frame.best)

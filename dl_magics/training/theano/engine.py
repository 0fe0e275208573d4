"""The run on Theano: data, events and log as in any other; another interpreter computes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dl_magics.data import folders
from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DLMagicsError, TrainingFailed
from dl_magics.runs.events import (
    CheckpointSaved,
    DataChecked,
    Event,
    PhaseStarted,
    RunEnded,
    RunStarted,
    Status,
    Warned,
    stamp_events,
)
from dl_magics.runs.paths import RunPaths
from dl_magics.training.engine import data_checks, device
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import Broken, View, fill, scan
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.theano import convolutions, examples, limits, messages
from dl_magics.training.theano.process import Interpreter, Process
from dl_magics.version import __version__

MODEL = "model.h5"
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
) -> Generator[Event, None, None]:
    """Fine-tune VGG16 on Theano; yield every event, numbered, the last one `RunEnded`."""
    limits.refuse(recipe)
    yield from stamp_events(
        _Run(recipe, paths, interpreter, stop, host or {"local": True}).events(), clock
    )


@dataclass
class _Run:
    recipe: Recipe
    paths: RunPaths
    interpreter: Interpreter
    asked_to_stop: Callable[[], bool]
    host: Mapping[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = self._phase_started = time.monotonic()
        self._phase = "start"
        self._stopped = False

    def events(self) -> Iterator[Event]:
        try:
            with Process(self.interpreter) as process:
                yield from self._steps(process)
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
        else:
            yield self._ended("stopped" if self._stopped else "done")

    def _steps(self, process: Process) -> Iterator[Event]:
        recipe = self.recipe
        folder = folders.find(
            recipe.data, valid=recipe.valid, sample=recipe.sample, seed=recipe.seed
        )
        weights = convolutions.file(self.paths.weights) if recipe.weights else None
        opened = process.ask(
            "open",
            size=recipe.image_size,
            pooling=recipe.pooling,
            seed=recipe.seed,
            weights=str(weights) if weights else None,
        )
        found = Device("cpu", messages.device_name(opened), device.free_memory())
        yield self._run_started(folder, opened, found)
        yield from data_checks.of(recipe, folder, found, "float32")
        if opened["wish"] != opened["device"]:
            yield messages.no_gpu(opened)

        self._enter("features")
        store = FeatureStore(
            self.paths.features, messages.space(recipe, weights, opened), tuple(opened["features"])
        )
        broken: Broken = {}
        train = scan(folder.train, recipe.augment, recipe.seed, broken)
        valid = scan(folder.valid, 0, recipe.seed, broken)
        data_checks.refuse(folder, broken)
        widest = recipe.image_size**2 * _WIDEST_FILTERS
        yield from fill(
            store,
            [*train, *valid],
            recipe.image_size,
            device.batch_size(recipe.batch_size, found, widest),
            recipe.seed,
            lambda pixels: process.array("features", pixels),
            self._stop,
            broken,
        )
        if self._stop():
            return
        yield DataChecked(
            images=len(folder.train) + len(folder.valid),
            skipped=[{"path": str(path), "reason": why} for path, why in sorted(broken.items())],
        )
        data_checks.refuse(folder, broken)
        yield from self._head(process, store, _sound(train, broken), _sound(valid, broken))
        if self.best.get("epoch") is None:
            return

        self._enter("evaluate")
        yield PhaseStarted(phase="evaluate", total=len(valid), unit="images")
        path = self.paths.run / MODEL
        process.ask("save", path=str(path))
        self.files[MODEL] = hashlib.sha256(path.read_bytes()).hexdigest()
        yield CheckpointSaved(path=MODEL, sha256=self.files[MODEL])

    def _head(
        self, process: Process, store: FeatureStore, train: list[View], valid: list[View]
    ) -> Iterator[Event]:
        recipe = self.recipe
        self._enter("head")
        yield PhaseStarted(phase="head", total=recipe.epochs, unit="epochs")
        with TemporaryDirectory(prefix="dl-magics-") as scratch:
            asked_to_end = Path(scratch, "stop")
            coming = process.events(
                "learn",
                examples=str(examples.write(Path(scratch), store, train, valid)),
                stop=str(asked_to_end),
                classes=1 + max(view.photo.label for view in train),
                epochs=recipe.epochs,
                batch_size=recipe.batch_size if recipe.batch_size != "auto" else _HEAD_BATCH,
                patience=recipe.patience,
                learning_rate=recipe.learning_rate,
                dense=recipe.dense,
                dropout=recipe.dropout,
                seed=recipe.seed,
            )
            for each in coming:
                if isinstance(each, Event):
                    yield each
                else:
                    self.best = each["learnt"]
                if self._stop():
                    asked_to_end.touch()
        self._stopped = self.best["stopped"]
        if self.best["diverged"]:
            yield self._diverged()

    def _diverged(self) -> Warned:
        rate = self.recipe.learning_rate
        text = f"In epoch {self.best['diverged']} the loss ran away (learning_rate = {rate:g})."
        fix = f"Lower it: learning_rate = {min(rate / 10, 1e-3):g}"
        if self.best["epoch"] is None:
            raise TrainingFailed(text, fix=fix)
        kept = f"The weights of epoch {self.best['epoch']} are kept."
        return Warned(code="diverged", text=f"{text} {kept}", fix=fix)

    def _stop(self) -> bool:
        limit = self.recipe.max_duration
        late = limit is not None and time.monotonic() - self._started > limit
        self._stopped = self._stopped or late or self.asked_to_stop()
        return self._stopped

    def _enter(self, phase: str) -> None:
        now = time.monotonic()
        self.seconds[self._phase] = round(now - self._phase_started, 3)
        self._phase, self._phase_started = phase, now

    def _ended(self, status: Status, error: str = "", fix: str = "") -> RunEnded:
        self._enter("end")
        return RunEnded(
            status=status,
            best_epoch=self.best.get("epoch"),
            best=self.best.get("logs", {}),
            files=self.files,
            seconds=self.seconds,
            error=error,
            fix=fix,
        )

    def _run_started(
        self, folder: ImageFolder, opened: dict[str, Any], found: Device
    ) -> RunStarted:
        return RunStarted(
            run=self.paths.run.name,
            recipe=self.recipe.to_json(),
            classes=list(folder.classes),
            counts=folder.counts(),
            host={**self.host, "theano": asdict(self.interpreter)},
            versions={"dl_magics": __version__, **opened["versions"]},
            device=str(found),
        )


def _sound(views: list[View], broken: Broken) -> list[View]:
    return [view for view in views if view.photo.path not in broken]

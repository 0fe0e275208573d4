"""A run that ended, or goes on: what `%%finetune` returns."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import folders, images
from dl_magics.errors import BadData, DamagedRun, NotTrained
from dl_magics.runs import log, summary
from dl_magics.runs.state import RunState, replay_events
from dl_magics.training.engine.networks import CLASSES_FILE
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.theano import model as theano_model
from dl_magics.training.theano.engine import MODEL as THEANO_MODEL

_BATCH = 32


@dataclass(frozen=True)
class Prediction:
    """What the model sees in one image; `probabilities` are by class."""

    path: Path
    label: str
    probability: float
    probabilities: Mapping[str, float]


class Predictions(list[Prediction]):
    """Predictions by image; `skipped` maps the files that are no images to the reason."""

    def __init__(self, made: Iterable[Prediction], skipped: Mapping[Path, str]) -> None:
        super().__init__(made)
        self.skipped = dict(skipped)

    def __repr__(self) -> str:
        lines = [f"{each.path}: {each.label} ({each.probability:.1%})" for each in self]
        lines += [f"{path}: skipped, {reason}" for path, reason in self.skipped.items()]
        return "\n".join(lines) or "no images"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(str(each.path))}</td><td>{escape(each.label)}</td>"
            f"<td>{each.probability:.1%}</td></tr>"
            for each in self
        )
        rows += "".join(
            f"<tr><td>{escape(str(path))}</td><td colspan=2>skipped: {escape(reason)}</td></tr>"
            for path, reason in self.skipped.items()
        )
        head = "<tr><th>image</th><th>class</th><th>probability</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


# Leads to the instance that a run trains on; it lies in the folder of the run here.
THERE = "there.json"


class _Network:
    """A `keras.Model` of our own Keras."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.size = int(model.input_shape[1])

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a row an image."""
        return np.asarray(self._model.predict_on_batch(pixels))


class Run:
    """One fine-tuning, with its own folder.

    Everything is read from the folder `path`: `state` from its events, `model` from its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def state(self) -> RunState:
        """The run as its log tells it now; one that was killed is interrupted."""
        goes_on = log.is_being_written(
            self.path
        )  # before the log is read: the run may end in between
        state = replay_events(log.read_events(self.path))
        if state.ended or goes_on or self._goes_on_there():
            return state
        return replace(state, status="interrupted")

    def _goes_on_there(self) -> bool:
        """Whether it trains on an instance, and nobody has seen it end."""
        try:
            there = json.loads((self.path / THERE).read_text(encoding="utf-8"))
            return not (there["over"] or there["cut"])
        except (OSError, ValueError, KeyError):
            return False

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def status(self) -> str:
        """running, done, stopped, failed or interrupted."""
        return self.state.status

    @property
    def is_on_theano(self) -> bool:
        """Whether Keras 1 on Theano trains it."""
        return self.state.versions.get("backend") == "theano"

    @property
    def history(self) -> dict[str, list[float]]:
        """Each number by epoch, as in Keras' `History.history`."""
        epochs = self.state.epochs
        return {name: [each["logs"][name] for each in epochs] for name in _log_names(epochs)}

    @property
    def best(self) -> dict[str, float]:
        """The epoch with the lowest val_loss, and its numbers; empty before the first epoch."""
        best = self.state.best
        return {"epoch": best["epoch"], **best["logs"]} if best else {}

    @property
    def classes(self) -> list[str]:
        """The class names, in the order of the model's output."""
        return list(self.state.classes)

    @cached_property
    def model(self) -> Any:
        """The `keras.Model` with the best weights: raw RGB pixels to probabilities.

        Raises
        ------
        NotTrained
            where the run ended before it had a model.
        DamagedRun
            where its file cannot be read.
        """
        path = self.path / MODEL
        if self._theano_model.is_file():
            raise NotTrained(
                f"The run {self.name} has a model of Keras 1: {self._theano_model}",
                fix="run.predict(…) works; in Keras 1: keras.models.load_model(…)",
            )
        if not path.is_file():
            status = self.status
            raise NotTrained(
                f"The run {self.name} has no model: it is {status}.",
                fix=f"Go on with it: %finetune --resume {self.name}"
                if status == "interrupted" and not self.is_on_theano
                else "Run the %%finetune cell again; the features it computed are kept.",
            )
        import keras

        try:
            with zipfile.ZipFile(path) as archive:
                json.loads(archive.read(CLASSES_FILE))
            return keras.saving.load_model(path, compile=False)
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise DamagedRun(
                f"{path} cannot be read: {error}",
                fix="Run the %%finetune cell again; the features it computed are kept.",
            ) from error

    def predict(self, paths: str | Path | Sequence[str | Path]) -> Predictions:
        """Return what the model sees in images: a file, a folder, or a list of them.

        Files that are no images are skipped and named. Raises BadData where there is no file.
        """
        listed = [paths] if isinstance(paths, (str, Path)) else list(paths)
        files = [file for each in listed for file in folders.files(each)]
        if not files:
            searched = ", ".join(map(str, listed)) or "an empty list"
            raise BadData(
                f"There is no file in {searched}.",
                fix='Name images or a folder: run.predict("data/dogscats/valid")',
            )
        made: list[Prediction] = []
        skipped: dict[Path, str] = {}
        with self._network() as network:
            for at in range(0, len(files), _BATCH):
                made += self._predict(network, files[at : at + _BATCH], skipped)
        return Predictions(made, skipped)

    @property
    def _theano_model(self) -> Path:
        return self.path / THEANO_MODEL

    def _network(self) -> AbstractContextManager[Any]:
        """Return the model in its interpreter, as something with a size and probabilities."""
        if self._theano_model.is_file():
            return theano_model.load_model(self._theano_model, self.state.host)
        return nullcontext(_Network(self.model))

    def _predict(
        self, network: Any, files: Sequence[Path], skipped: dict[Path, str]
    ) -> list[Prediction]:
        size = network.size
        pixels, sound = [], []
        for file in files:
            try:
                pixels.append(images.decode(file.read_bytes(), size))
                sound.append(file)
            except images.BrokenImage as error:
                skipped[file] = error.reason
            except OSError as error:
                skipped[file] = error.strerror or str(error)
        if not sound:
            return []
        classes = self.classes
        return [
            Prediction(
                path=file,
                label=classes[int(np.argmax(row))],
                probability=float(np.max(row)),
                probabilities=dict(zip(classes, map(float, row), strict=True)),
            )
            for file, row in zip(sound, network.probabilities(np.stack(pixels)), strict=True)
        ]

    def __repr__(self) -> str:
        return f"{summary.headline(self.state)}\n{self.path}"

    def _repr_html_(self) -> str:
        return (
            f"<p>Run <b>{escape(self.name)}</b>: {escape(self.status)} · "
            "<code>.best</code> <code>.history</code> <code>.classes</code> <code>.model</code> "
            '<code>.predict("folder")</code><br>'
            f"<small>{escape(str(self.path))}</small></p>"
        )


def _log_names(epochs: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(epochs[0]["logs"]) if epochs else []

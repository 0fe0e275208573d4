"""The `Run` that `%%finetune` returns: its numbers, its model, its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from html import escape
from pathlib import Path
from typing import Any

from dl_magics.data.deep_gray import GrayRange
from dl_magics.errors import NotTrained
from dl_magics.runs import remote_origin
from dl_magics.runs.evaluation import Evaluation
from dl_magics.runs.record import RunRecord
from dl_magics.runs.state import RunState
from dl_magics.text import escape_controls, wrap_html
from dl_magics.training import model_archive
from dl_magics.training.backbones import own
from dl_magics.training.class_order import require_class_order
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.evaluation.evaluate import evaluate_split, require_split
from dl_magics.training.evaluation.report import Report, write_report
from dl_magics.training.export import formats
from dl_magics.training.export.export import export_model
from dl_magics.training.export.exported import Exported
from dl_magics.training.loading import load_check
from dl_magics.training.prediction import predict
from dl_magics.training.prediction.predict import Classifier, KerasClassifier, Paths, Progress
from dl_magics.training.prediction.predictions import Predictions
from dl_magics.training.theano import model as theano_model
from dl_magics.training.theano.engine import MODEL as THEANO_MODEL

# The model that was loaded last, by its file: another `Run` of the same folder need not load it.
_last_model: dict[tuple[Path, int, int], Any] = {}


class Run:
    """One fine-tuning run in the folder `path`.

    Its numbers come from the log in that folder, which is read on first use and then only where it
    has grown; `model` and `predict` use the saved model. `show_progress` shows the progress.
    """

    show_progress: Callable[[], AbstractContextManager[Progress]] = staticmethod(
        predict.print_progress
    )
    evaluate_on_host: Callable[[Run, str], Evaluation] | None = None
    """Evaluates on the host where a run was trained; where it is None, `evaluate` cannot."""
    predict_on_host: Callable[[Run, Sequence[str]], Predictions | None] = lambda *_: None
    """Predicts images of the connected host; returns None for those of this computer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = RunRecord(path)

    @property
    def state(self) -> RunState:
        """All that the log says now; the status of a killed run is "interrupted"."""
        return self.record.snapshot()

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
        """Each metric as a list by epoch, as in Keras' `History.history`."""
        epochs = self.state.epochs
        names = epochs[0]["logs"] if epochs else ()
        return {name: [each["logs"][name] for each in epochs] for name in names}

    @property
    def best(self) -> dict[str, float]:
        """The epoch with the lowest val_loss, with its metrics; empty before the first epoch."""
        best = self.state.best
        return {"epoch": best["epoch"], **best["logs"]} if best else {}

    @property
    def classes(self) -> list[str]:
        """The class names, in the order of the model's output."""
        return list(self.state.classes)

    @property
    def model(self) -> Any:
        """The `keras.Model` with the best weights.

        It maps raw RGB pixels, (images, size, size, 3), to probabilities, (images, classes).

        Raises
        ------
        NotTrained
            where the run ended before it saved a model, or saved one of Keras 1.
        NotLoadable
            where the file holds what the engine does not write, or Keras cannot load it.
        DamagedRun
            where the file cannot be read, or its classes have wrong names.
        """
        path = self.find_model()
        if path == self._theano_model:
            raise NotTrained(
                f"The model of the run {self.name} is a Keras 1 model: {path}",
                fix="run.predict(…) works; in Keras 1: keras.models.load_model(…)",
            )
        found = path.stat()
        key = (path, found.st_mtime_ns, found.st_size)
        if key not in _last_model:
            self._check_model(path)
            model = model_archive.load_model(path)
            _last_model.clear()
            _last_model[key] = model
        return _last_model[key]

    def predict(self, paths: Paths, *, here: bool = False) -> Predictions:
        """Return the predicted class of images: `paths` is a file, a folder, or a list of them.

        The result is a list, and shows the least certain ones first; its `all` is a data frame. A
        notebook that is connected to the host of this run predicts there what that host has, unless
        `here` is true. Files that are not valid images are skipped and listed.

        Raises BadData where there is no file, and what `model` raises.
        """
        names = predict.list_names(paths)
        if not here and (away := self.predict_on_host(self, names)) is not None:
            return away
        files = predict.list_files(names)
        gray = GrayRange(*self.state.gray) if self.state.gray else None
        with self.show_progress() as progress:
            progress(0, len(files))
            with self.open_classifier() as classifier:
                return predict.predict_files(classifier, files, self.classes, progress, gray)

    def evaluate(self, split: str = "valid", *, data: str | Path = "") -> Evaluation:
        """Return what the model says of each image of a part: "valid", "test" or "train".

        The images are where the run found them, on its host too; `data` names a folder of this
        computer that has them instead. It raises BadData where they are not there, or `split` is
        no part of them, and what `model` raises.
        """
        require_split(split)
        if not data and remote_origin.load(self.path):
            if self.evaluate_on_host is None:
                raise NotTrained(
                    f"The images of the run {self.name} are on its host.",
                    fix='Name a folder of this computer that has them: run.evaluate(…, data="…")',
                )
            return self.evaluate_on_host(self, split)
        with self.show_progress() as progress:
            progress(0, 0)
            return evaluate_split(
                self.path,
                self.state,
                self.find_model(),
                self.open_classifier,
                split,
                data=str(data),
                progress=progress,
            )

    def export(
        self,
        format: str = "litert",  # noqa: A002 - its name in keras.Model.export
        path: str | Path | None = None,
        *,
        overwrite: bool = False,
    ) -> Exported:
        """Export the model as "litert" ("tflite"), "onnx", "tf_saved_model" or "torch".

        It takes raw RGB pixels, 0 to 255, and returns probabilities; the class names are in it and
        beside it. It must compute what `predict` does. The default path is in the folder `export`.
        Nothing is replaced without `overwrite`. It raises BadSetting, NotInstalled, NotLoadable,
        and what `model` raises.
        """
        wanted = formats.find_format(format)
        return export_model(
            self.model, self.path, self.state, wanted, path=path, overwrite=overwrite
        )

    @property
    def has_model(self) -> bool:
        """Whether it has saved a model."""
        return (self.path / MODEL).is_file() or self._theano_model.is_file()

    def report(self) -> Report:
        """Write `report.html` anew; the validation images are predicted first, if needed."""
        return write_report(self)

    def find_model(self) -> Path:
        """Return the file of the model. Raises NotTrained, or DamagedRun for wrong class names."""
        require_class_order(self.state)
        for path in (self._theano_model, self.path / MODEL):
            if path.is_file():
                return path
        status = self.status
        fix = "Run the %%finetune cell again; the features it computed are kept."
        if status == "running":
            fix = f"Wait until it ends: %attach {self.name}"
        elif status == "interrupted" and not self.is_on_theano:
            fix = f"Resume it: %finetune --resume {self.name}"
        elif remote_origin.load(self.path) and status in ("done", "stopped"):
            fix = f"Copy its model from its host: %attach {self.name}"
        raise NotTrained(f"The run {self.name} has no model, its status is {status}.", fix=fix)

    def _check_model(self, path: Path) -> None:
        """Check the file before Keras reads it here: in another process if it came from a host."""
        origin = remote_origin.load(self.path)
        if origin:
            load_check.check_fetched(self.path, path, self.state.versions)
        model_archive.check_archive(path, [] if origin else own.list_registered())

    @property
    def _theano_model(self) -> Path:
        return self.path / THEANO_MODEL

    def open_classifier(self) -> AbstractContextManager[Classifier]:
        """Return the model, in this process or in the interpreter that has Theano."""
        if self._theano_model.is_file():
            return theano_model.load_model(self._theano_model, self.state.host)
        return nullcontext(KerasClassifier(self.model))

    def __repr__(self) -> str:
        return escape_controls(f"Run {self.name} · {self.status}\n{self.path}", keep="\n")

    def _repr_html_(self) -> str:
        return wrap_html(
            f"<p>Run <b>{escape(self.name)}</b>: {escape(self.status)} · {self._offer()}<br>"
            f"<small>{escape(str(self.path))}</small></p>"
        )

    def _offer(self) -> str:
        """Return the names of what this run has."""
        names = [".classes"]
        if self.state.epochs:
            names += [".best", ".history"]
        if self.has_model:
            names += [".model", '.predict("folder")', '.evaluate("valid")', ".report()"]
        if (self.path / MODEL).is_file():
            names.append('.export("litert")')
        return " ".join(f"<code>{name}</code>" for name in names)

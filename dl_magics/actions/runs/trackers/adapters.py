"""Each tracker by the same three calls: start a run, log values at a step, finish it.

Their packages are imported at the first call only, and none is patched into Keras.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

_MLFLOW_STATUS = {"done": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


class Tracker(Protocol):
    """A tracker of experiments; `at` is in seconds since the epoch."""

    def start(self, run: str, config: Mapping[str, Any], at: float, /) -> None:
        """Create a run with its settings."""

    def log(self, values: Mapping[str, float], step: int, at: float, /) -> None:
        """Add values at a step, which is an epoch."""

    def finish(self, status: str, at: float, /) -> None:
        """End the run: done, stopped, failed or interrupted."""


class TensorBoard:
    """Event files in FOLDER/RUN, by the writer of the package tensorboard."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser()

    def start(self, run: str, config: Mapping[str, Any], _at: float) -> None:
        folder = self._folder / run
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} holds events already; delete it to write them again")
        writer = import_module("tensorboard.summary").Writer(str(folder))
        self._writer: Any = writer
        self._about = "\n".join(f"{name}: {value}" for name, value in config.items())

    def log(self, values: Mapping[str, float], step: int, at: float) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step, wall_time=at, description=self._about)
        self._writer.flush()

    def finish(self, _status: str, _at: float) -> None:
        self._writer.close()


class MLflow:
    """A run in an experiment of MLflow, at the tracking URI that MLflow has."""

    def __init__(self, experiment: str) -> None:
        self._experiment = experiment

    def start(self, run: str, config: Mapping[str, Any], at: float) -> None:
        mlflow = import_module("mlflow")
        self._entities: Any = import_module("mlflow.entities")
        # The client changes no active run of the notebook.
        self._client: Any = mlflow.MlflowClient()
        known = self._client.get_experiment_by_name(self._experiment)
        experiment = (
            known.experiment_id if known else self._client.create_experiment(self._experiment)
        )
        made = self._client.create_run(experiment, start_time=_milliseconds(at), run_name=run)
        self._id = made.info.run_id
        params = [self._entities.Param(name, str(value)) for name, value in config.items()]
        self._client.log_batch(self._id, params=params)

    def log(self, values: Mapping[str, float], step: int, at: float) -> None:
        metrics = [
            self._entities.Metric(name, value, _milliseconds(at), step)
            for name, value in values.items()
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def finish(self, status: str, at: float) -> None:
        self._client.set_terminated(
            self._id, _MLFLOW_STATUS.get(status, "KILLED"), end_time=_milliseconds(at)
        )


class ProjectTracker:
    """A run in a project of W&B or Trackio, which have the same interface."""

    def __init__(self, package: str, project: str, **options: Any) -> None:
        self._package = package
        self._project = project
        self._options = options

    def start(self, run: str, config: Mapping[str, Any], _at: float) -> None:
        package = import_module(self._package)
        self._run: Any = package.init(
            project=self._project, name=run, config=dict(config), **self._options
        )

    def log(self, values: Mapping[str, float], step: int, _at: float) -> None:
        self._run.log(dict(values), step=step)

    def finish(self, _status: str, _at: float) -> None:
        self._run.finish()


def flatten(values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return settings as plain values: what is none is written as JSON."""
    return {
        name: value if isinstance(value, (str, int, float, bool)) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)

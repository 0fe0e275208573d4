"""Evaluate a run where its images are; fetch small pictures of those that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dl_magics.actions.data.received import invalid_answer
from dl_magics.actions.results.place import ResultPlace
from dl_magics.core.picture import read_picture
from dl_magics.runs import evaluation, remote_origin
from dl_magics.runs.evaluation import Evaluation
from dl_magics.training.class_order import require_class_order
from dl_magics.training.engine.pipeline import MODEL
from dl_magics.training.evaluation import requests
from dl_magics.training.run import Run


@dataclass(frozen=True)
class Evaluated:
    """An evaluation, and of its worst images the pictures and where the model looked, by path.

    `method` says how that was found: `GRAD_CAM`, `OCCLUSION`, "" for not at all.
    """

    evaluation: Evaluation
    pictures: Mapping[str, str] = field(default_factory=dict)
    overlays: Mapping[str, str] = field(default_factory=dict)
    method: str = ""


def evaluate(place: ResultPlace, split: str, *, explained: int = 0) -> Evaluated:
    """Return what the model of a run says of a part of its images.

    `explained` is the number of images of the highest loss that come with pictures. What a host
    sends is checked, and kept in the folder of the run on this computer.
    """
    if not place.origin:
        sent = requests.evaluate_opened(place.run, split, data=place.data, explained=explained)
        return read_answer(place.run, split, sent)
    with place.run.show_progress() as progress:
        progress(0, 0)
        sent = place.call(
            requests.evaluate_run,
            run=place.folder,
            split=split,
            explained=explained,
            progress=progress,
        )
    found = read_answer(place.run, split, sent)
    evaluation.write_evaluation(place.run.path, found.evaluation)
    return found


def evaluate_on_host(run: Run, split: str) -> Evaluation:
    """Return the evaluation of a run that was trained on a host: for `run.evaluate`."""
    again = f"%confusion --run {run.name} --split {split}"
    return evaluate(ResultPlace(run, "", remote_origin.load(run.path), again), split).evaluation


def read_stored(run: Run, split: str) -> Evaluation | None:
    """Return the evaluation by the model of a run that is in its folder; None without one."""
    require_class_order(run.state)
    found = evaluation.read_evaluation(run.path, split)
    if found is None or found.model_sha256 != run.state.files.get(MODEL):
        return None
    return found


def load_pictures(place: ResultPlace, found: Evaluation, paths: Sequence[str]) -> dict[str, str]:
    """Return small pictures of images by path, JPEG in base64; "" for what cannot be read."""
    asked = list(paths)[: requests.MOST_PICTURES]
    sent = place.call(requests.draw_pictures, root=found.root, paths=asked)
    return _read_pictures(sent, "pictures", asked)


def read_answer(run: Run, split: str, sent: Any) -> Evaluated:
    """Return an answer; raises NoAnswer where it is not about this run."""
    try:
        found = evaluation.parse_evaluation(sent["evaluation"])
        about = found.run, found.split, found.classes
        if about != (run.name, split, run.state.classes):
            raise ValueError("it is of another run")
        if (method := sent["method"]) not in ("", requests.GRAD_CAM, requests.OCCLUSION):
            raise ValueError("it has another map than was asked for")
    except (ValueError, TypeError, KeyError) as error:
        raise invalid_answer(error) from error
    known = [each.path for each in found.photos]
    return Evaluated(
        found,
        _read_pictures(sent, "pictures", known),
        _read_pictures(sent, "overlays", known),
        method,
    )


def _read_pictures(sent: Any, name: str, known: Sequence[str]) -> dict[str, str]:
    """Return the pictures of images that were asked for; others are left out."""
    try:
        pictures = dict(sent[name])
    except (ValueError, TypeError, KeyError) as error:
        raise invalid_answer(error) from error
    return {path: read_picture(pictures[path]) for path in known if path in pictures}

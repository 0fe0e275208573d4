"""Predict images where they are: on the connected host that trained the run, or here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any

from dl_magics.actions.data.place import find_data
from dl_magics.actions.data.received import invalid_answer
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.results.place import ResultPlace
from dl_magics.core.picture import read_picture
from dl_magics.data import walk
from dl_magics.errors import BadData, DLMagicsError
from dl_magics.runs import remote_origin
from dl_magics.training.prediction import requests
from dl_magics.training.prediction.predictions import Prediction, Predictions
from dl_magics.training.run import Run

_LONGEST = 4096


@dataclass(frozen=True)
class ImagesPlace:
    """The absolute `paths` of images on `host`; without one they are on this computer.

    `note` says which computer it is where it could be another one.
    """

    host: str = ""
    paths: tuple[str, ...] = ()
    note: str = ""


def find_images(run: Run, paths: Sequence[str]) -> ImagesPlace:
    """Return where a run predicts images: on the connected host that trained it, if it has them.

    Raises
    ------
    BadData
        where neither that host nor this computer has them all.
    """
    origin = remote_origin.load(run.path)
    if not origin or not notebook_kernel.is_connected():
        return ImagesPlace()
    host, named = str(origin.host["name"]), walk.shorten_list(list(paths))
    try:
        kernel = notebook_kernel.current()
        if kernel.host.alias != origin.host["alias"]:
            return ImagesPlace(note=f"Predicts on this computer: {host} is not connected.")
        found = tuple(find_data(kernel, path) for path in paths)
    except DLMagicsError as error:
        if not all(map(_is_here, paths)):
            raise
        why = f"{host} has no {named}" if isinstance(error, BadData) else str(error).rstrip(".")
        return ImagesPlace(note=f"Predicts on this computer: {why}.")
    note = f"Predicts {named} on {host}; --here, or here=True, predicts this computer's."
    return ImagesPlace(host, found, note)


def predict_on_host(
    run: Run, paths: Sequence[str], say: Callable[[str], object]
) -> Predictions | None:
    """Return the predictions for images of the connected host; None where they are not there.

    Only the predictions, and the small pictures that are shown, are copied. `say` is called with a
    sentence that says where it predicts.
    """
    found = find_images(run, paths)
    if found.note:
        say(found.note)
    if not found.host:
        return None
    place = ResultPlace(run, "", remote_origin.load(run.path))
    with run.show_progress() as progress:
        progress(0, 0)
        sent = place.call(
            requests.predict_run, run=place.folder, paths=list(found.paths), progress=progress
        )
    return read_answer(sent, run.classes, place.host)


def read_answer(sent: Any, classes: Sequence[str], host: str) -> Predictions:
    """Return the predictions in the JSON values of a host. Raises NoAnswer for anything else."""
    try:
        made = [_read_image(path, row, classes) for path, row in sent["images"]]
        skipped: dict[PurePath, str] = {
            _read_path(path): _read_text(why) for path, why in sent["skipped"].items()
        }
        if len({each.path for each in made}) != len(made):
            raise ValueError("an image is there twice")
        pictures = dict(sent["pictures"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise invalid_answer(error) from error
    shown: dict[PurePath, str] = {
        each.path: read_picture(pictures[str(each.path)])
        for each in made
        if str(each.path) in pictures
    }
    return Predictions(made, skipped, host=host, pictures=shown)


def _read_image(path: Any, row: Any, classes: Sequence[str]) -> Prediction:
    if len(row) != len(classes) or not all(type(each) is float for each in row):
        raise ValueError("it has other numbers than a probability for each class")
    best = max(range(len(row)), key=row.__getitem__)
    if not math.isfinite(row[best]):
        raise ValueError("a probability is not finite")
    return Prediction(
        _read_path(path), classes[best], row[best], dict(zip(classes, row, strict=True))
    )


def _read_path(sent: Any) -> PurePosixPath:
    return PurePosixPath(_read_text(sent))


def _read_text(sent: Any) -> str:
    if not isinstance(sent, str) or len(sent) > _LONGEST:
        raise ValueError(f"{str(sent)[:40]!r} is not a short text")
    return sent


def _is_here(path: str) -> bool:
    try:
        walk.existing_path(path)
    except BadData:
        return False
    return True

"""Evaluate the model of a run on a part of its images, from stored features where there are any."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import images
from dl_magics.data.deep_gray import GrayRange
from dl_magics.errors import BadSetting, DamagedRun
from dl_magics.runs import evaluation
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.runs.state import RunState
from dl_magics.training.engine import device, fingerprint
from dl_magics.training.engine.extraction import Broken, scan_images
from dl_magics.training.engine.feature_store import open_stores
from dl_magics.training.engine.features.key_index import Key
from dl_magics.training.engine.views import View, Views
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.evaluation.photos import SplitPhotos, find_photos
from dl_magics.training.prediction.predict import (
    Classifier,
    KerasClassifier,
    Progress,
    predict_files,
)

Rows = dict[Key, NDArray[np.float32]]
OpenClassifier = Callable[[], AbstractContextManager[Classifier]]

_BATCH = 1024
_DIGITS = 7  # of a probability; float32 has no more


def require_split(split: str) -> None:
    """Raise BadSetting for a part of the images that there is not."""
    if split not in evaluation.SPLITS:
        raise BadSetting(
            f"There is no part {split!r} of the images.",
            fix=f"The parts are: {', '.join(evaluation.SPLITS)}",
        )


def evaluate_split(
    folder: Path,
    state: RunState,
    model: Path,
    open_classifier: OpenClassifier,
    split: str,
    *,
    data: str = "",
    progress: Progress,
) -> Evaluation:
    """Return the predictions for a part of the images of a run, and write them into its `folder`.

    What was written for the same images and the same model is returned as it is. `open_classifier`
    loads the file `model`; `data` is where the images are now, if not where they were. Raises
    BadData where they are not there.
    """
    photos = find_photos(folder.name, state, split, data)
    gray = GrayRange(*state.gray) if state.gray else None
    broken = Broken()
    views = scan_images(photos.files, 0, 0, broken, gray)
    digest = digest_data(views, state.classes)
    photos = replace(photos, note=photos.note or _describe_other_images(views, state, split))
    with model.open("rb") as file:
        model_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(DamagedRun):
        known = evaluation.read_evaluation(folder, split)
        if known and _is_same(known, photos, digest, model_sha256):
            return known
    with open_classifier() as classifier:
        rows: Rows = {}
        if isinstance(classifier, KerasClassifier):
            rows = _predict_stored(classifier.model, views, folder.parents[1] / "features", state)
        missing = [view for view in views if view.key not in rows]
        if missing:
            rows |= _predict_missing(classifier, missing, state, gray, progress, broken)
    made = Evaluation(
        run=folder.name,
        split=split,
        root=str(photos.root),
        classes=state.classes,
        photos=tuple(
            PhotoPrediction(
                name_below(photos.root, view.file.path),
                state.classes[view.file.label],
                round_row(rows[view.key]),
                state.classes,
            )
            for view in views
            if view.key in rows
        ),
        data_digest=digest,
        model_sha256=model_sha256,
        skipped={name_below(photos.root, path): reason for path, reason in broken.items()},
        note=photos.note,
    )
    evaluation.write_evaluation(folder, made)
    return made


def _is_same(known: Evaluation, photos: SplitPhotos, digest: str, model_sha256: str) -> bool:
    """Return whether an evaluation is of these files, unchanged, and of this model."""
    names = {name_below(photos.root, each.path) for each in photos.files}
    return (
        (known.root, known.note) == (str(photos.root), photos.note)
        and (known.data_digest, known.model_sha256) == (digest, model_sha256)
        and {*(each.path for each in known.photos), *known.skipped} == names
    )


def _describe_other_images(views: Views, state: RunState, split: str) -> str:
    """Return a sentence where as many images are there as in the run, but not the same ones."""
    known = state.found.get(split) if split == "valid" else None
    if known in (None, fingerprint.digest_images(views)):
        return ""
    return (
        "The validation images are not those of the run: some of those shown as valid may have "
        "been used for training."
    )


def digest_data(views: Sequence[View], classes: Sequence[str]) -> str:
    """Return the digest of contents and labels, whatever the files are called."""
    digest = hashlib.sha256()
    for line in sorted(view.key + classes[view.file.label].encode() for view in views):
        digest.update(hashlib.sha256(line).digest())
    return digest.hexdigest()


def _predict_stored(model: Any, views: Sequence[View], folder: Path, state: RunState) -> Rows:
    """Return the probabilities of the images whose features a run has kept."""
    parts = take_apart(model)
    wanted = {
        "network": parts.network_sha256,
        "cut": state.recipe.get("pooling") or "map",
        "image_size": model.input_shape[1],
        "decoder": images.DECODER,
    }
    classifier, rows = parts.build_classifier(), Rows()
    for store in open_stores(folder, wanted):
        keys = list({view.key for view in views if view.key not in rows and view.key in store})
        for at in range(0, len(keys), _BATCH):
            part = keys[at : at + _BATCH]
            with device.hide_retracing_warnings():
                found = np.asarray(classifier.predict_on_batch(store.get(part)))
            rows |= dict(zip(part, found, strict=True))
    return rows


def _predict_missing(
    classifier: Classifier,
    views: Sequence[View],
    state: RunState,
    gray: GrayRange | None,
    progress: Progress,
    broken: Broken,
) -> Rows:
    """Return the probabilities of images; those that cannot be decoded are added to `broken`."""
    keys: dict[PurePath, Key] = {view.file.path: view.key for view in views}
    files = [view.file.path for view in views]
    made = predict_files(classifier, files, state.classes, progress, gray)
    broken.update({Path(path): reason for path, reason in made.skipped.items()})
    return {
        keys[each.path]: np.array(list(each.probabilities.values()), np.float32) for each in made
    }


def round_row(row: NDArray[np.float32]) -> tuple[float, ...]:
    """Return probabilities as short numbers. Raises DamagedRun where they are none."""
    if not np.isfinite(row).all():
        raise DamagedRun(
            "The model of the run gives no probabilities, but NaN.",
            fix="Run the %%finetune cell again, with a lower learning_rate.",
        )
    return tuple(round(float(value), _DIGITS) for value in row)


def name_below(root: Path, path: Path) -> str:
    """Return the path of an image below the folder of the data set, with slashes."""
    return path.relative_to(root).as_posix()

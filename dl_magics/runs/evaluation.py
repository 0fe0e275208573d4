"""What the model of a run says of a part of its images: one prediction an image, and what follows.

An evaluation is `evaluation/<split>.json` in the folder of its run. Another computer may have
written it, one that cannot be trusted: it is checked when it is read.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from dl_magics.core import json_checks
from dl_magics.core.interval import Interval, wilson_interval
from dl_magics.core.json_checks import quote_value
from dl_magics.errors import DamagedRun
from dl_magics.runs.photo_prediction import ClassResult, PhotoPrediction
from dl_magics.store import atomic
from dl_magics.text import escape_controls

__all__ = [
    "SPLITS",
    "ClassResult",
    "Evaluation",
    "PhotoPrediction",
    "parse_evaluation",
    "read_evaluation",
    "write_evaluation",
]

FOLDER = "evaluation"
SPLITS = ("train", "valid", "test")

MOST_BYTES = 2**28
_LARGEST_ERROR = 0.02


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The predictions of a run for the images of `split`.

    `root` is the folder of the data set where the images are, `skipped` maps the files that are not
    valid images to the reason. `data_digest` is the SHA-256 of the contents and labels of the
    images, the same on any computer; `model_sha256` that of the file of the model; `note` says what
    has changed since the run.
    """

    run: str
    split: str
    root: str
    classes: tuple[str, ...]
    photos: tuple[PhotoPrediction, ...]
    data_digest: str
    model_sha256: str
    skipped: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @cached_property
    def labelled(self) -> tuple[PhotoPrediction, ...]:
        """The images that have a label."""
        return tuple(each for each in self.photos if each.truth is not None)

    @cached_property
    def right(self) -> int:
        """The number of images whose prediction is their label."""
        return sum(bool(each.is_right) for each in self.labelled)

    @property
    def accuracy(self) -> float | None:
        """The share of images whose prediction is their label; None without labels."""
        return self.right / len(self.labelled) if self.labelled else None

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.right, len(self.labelled))

    @cached_property
    def loss(self) -> float | None:
        """The mean cross-entropy; None without labels."""
        losses = [each.loss for each in self.labelled if each.loss is not None]
        return math.fsum(losses) / len(losses) if losses else None

    @cached_property
    def by_class(self) -> tuple[ClassResult, ...]:
        """The result of each class, in the order of `classes`."""
        images = Counter(each.truth for each in self.labelled)
        right = Counter(each.truth for each in self.labelled if each.is_right)
        return tuple(ClassResult(name, right[name], images[name]) for name in self.classes)

    @cached_property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """The number of images by true class (rows) and predicted class (columns)."""
        counts = Counter((each.truth, each.predicted) for each in self.labelled)
        return tuple(
            tuple(counts[truth, predicted] for predicted in self.classes) for truth in self.classes
        )

    def select(self, truth: str, predicted: str) -> tuple[PhotoPrediction, ...]:
        """Return the images of a cell of the matrix, the most certain predictions first."""
        of_class = [each for each in self.labelled if each.truth == truth]
        found = [each for each in of_class if each.predicted == predicted]
        return tuple(sorted(found, key=lambda each: (-each.probability, each.path)))

    def most_confused(self, least: int = 1) -> list[tuple[str, str, int]]:
        """Return (truth, predicted, images) of each pair confused `least` times, most first."""
        pairs = [
            (truth, predicted, count)
            for truth, row in zip(self.classes, self.confusion, strict=True)
            for predicted, count in zip(self.classes, row, strict=True)
            if truth != predicted and count >= least
        ]
        return sorted(pairs, key=lambda each: (-each[2], each[0], each[1]))

    def top_losses(self, most: int) -> tuple[PhotoPrediction, ...]:
        """Return the images with the highest loss, highest first."""
        return tuple(sorted(self.labelled, key=lambda each: (-(each.loss or 0), each.path))[:most])

    @property
    def summary(self) -> str:
        """The result in one line: `valid: 238 of 245 right, 97.1 % (94.2 to 98.6 %), loss …`."""
        images = len(self.labelled)
        if self.accuracy is None or self.loss is None:
            return f"{self.split}: {len(self.photos):,} images without a label"
        return (
            f"{self.split}: {self.right:,} of {images:,} right, {100 * self.accuracy:.1f} % "
            f"({self.interval}), loss {self.loss:.3f}"
        )

    def __repr__(self) -> str:
        return escape_controls(f"Evaluation of {self.run}, {self.summary}")

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        return {
            "run": self.run,
            "split": self.split,
            "root": self.root,
            "classes": list(self.classes),
            "data_digest": self.data_digest,
            "model_sha256": self.model_sha256,
            "skipped": dict(self.skipped),
            "note": self.note,
            "photos": [[each.path, each.truth, list(each.probabilities)] for each in self.photos],
        }


def read_evaluation(run_folder: Path, split: str) -> Evaluation | None:
    """Return the evaluation of a part of the images in the folder of a run; None without one.

    Raises DamagedRun where the file is not an evaluation of this part.
    """
    path = run_folder / FOLDER / f"{split}.json"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        found = parse_evaluation(json.loads(path.read_bytes()))
        if found.split != split:
            raise ValueError(f"it is of the images of {found.split!r}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRun(
            f"{path} cannot be read: {error}",
            fix=f"Evaluate again: %confusion --split {split} writes it again.",
        ) from error
    return found


def write_evaluation(run_folder: Path, evaluation: Evaluation) -> Path:
    """Write an evaluation into the folder of its run, in one step; return the file."""
    # In ASCII, as a file name may hold lone surrogates.
    text = json.dumps(evaluation.to_json(), ensure_ascii=True, separators=(",", ":")) + "\n"
    return atomic.replace(run_folder / FOLDER / f"{evaluation.split}.json", text)


def parse_evaluation(values: Any) -> Evaluation:
    """Return the evaluation that `to_json` was called on; raises ValueError where it is invalid."""
    values = json_checks.read_object(values, "an evaluation")
    if missing := {each.name for each in fields(Evaluation)} - values.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if values["split"] not in SPLITS:
        raise ValueError(f"split must be {' or '.join(SPLITS)}, not {quote_value(values['split'])}")
    classes = json_checks.read_names(values["classes"], "classes")
    skipped = json_checks.read_object(values["skipped"], "skipped")
    photos = json_checks.read_list(values["photos"], "photos")
    return Evaluation(
        run=json_checks.read_text(values["run"]),
        split=values["split"],
        root=json_checks.read_text(values["root"]),
        classes=classes,
        photos=tuple(_read_photo(each, classes) for each in photos),
        data_digest=json_checks.read_sha256(values["data_digest"]),
        model_sha256=json_checks.read_sha256(values["model_sha256"]),
        note=json_checks.read_text(values["note"]),
        skipped={
            json_checks.read_relative_path(path): json_checks.read_text(reason)
            for path, reason in skipped.items()
        },
    )


def _read_photo(values: Any, classes: tuple[str, ...]) -> PhotoPrediction:
    if len(json_checks.read_list(values, "an image")) != 3:
        raise ValueError(f"an image has path, truth and probabilities, not {quote_value(values)}")
    path, truth, numbers = values
    if truth is not None and truth not in classes:
        raise ValueError(f"{quote_value(truth)} is not one of the classes")
    listed = json_checks.read_list(numbers, "probabilities")
    probabilities = tuple(map(json_checks.read_share, listed))
    if len(probabilities) != len(classes):
        raise ValueError(f"an image has {len(probabilities)} probabilities, not {len(classes)}")
    if abs(math.fsum(probabilities) - 1) > _LARGEST_ERROR:
        raise ValueError("the probabilities of an image do not add up to 1")
    return PhotoPrediction(json_checks.read_relative_path(path), truth, probabilities, classes)

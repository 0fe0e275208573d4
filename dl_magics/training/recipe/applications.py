"""The models of `keras.applications`: what must be known before Keras is imported."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

Preprocessing = Literal["caffe", "tf", "torch", "none"]


@dataclass(frozen=True, slots=True)
class Application:
    """A pretrained model without its top.

    `size` and `smallest` are pixels, height = width. `file` is the name of its ImageNet weights in
    Keras' cache, `digest` the MD5 or SHA-256 that Keras verifies, "" if it verifies none.
    """

    name: str
    preprocessing: Preprocessing
    size: int
    smallest: int
    file: str
    digest: str


def _read() -> dict[str, Application]:
    text = files("dl_magics.training.recipe").joinpath("applications.csv").read_text("ascii")
    return {
        row["name"]: Application(
            row["name"],
            cast(Preprocessing, row["preprocessing"]),
            int(row["size"]),
            int(row["smallest"]),
            row["file"],
            row["digest"],
        )
        for row in csv.DictReader(text.splitlines())
    }


APPLICATIONS = _read()

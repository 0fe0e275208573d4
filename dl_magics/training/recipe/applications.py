"""The models of `keras.applications`: what must be known before Keras is imported."""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

from dl_magics.errors import BadSetting

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


def find_application(name: str) -> Application:
    """Return a model by name, as `VGG16`, `vgg_16_imagenet` or `resnet-50`; raises BadSetting."""
    models = {_plain(each): each for each in APPLICATIONS}
    wanted = _plain(name)
    if wanted in models:
        return APPLICATIONS[models[wanted]]
    begun = [each for each in models if wanted and each.startswith(wanted)]
    # Of the names that begin so, the shortest: VGG16, not VGG19; ResNet50, not ResNet101.
    near = (
        sorted(begun, key=lambda each: (len(each), each))
        or difflib.get_close_matches(wanted, models, n=1, cutoff=0.4)
        or ["vgg16"]
    )
    nearest = models[near[0]]
    raise BadSetting(
        f"model = {name!r} is none of the {len(APPLICATIONS)} models of keras.applications.",
        fix=f'Nearest: model = "{nearest}". All: {", ".join(APPLICATIONS)}',
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower().removesuffix("_imagenet"))

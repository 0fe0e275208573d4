"""What numbers depend on: the features of a photo, and the whole of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dl_magics.data import images
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.extraction import View
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.version import __version__


def feature_space(recipe: Recipe, frozen: Frozen, precision: str, found: Device) -> dict[str, Any]:
    """Return everything but the photo that a feature depends on beyond its last digits.

    Threads, instruction set and batch size are left out on purpose: they change only the rounding,
    as does a photo's position in its batch. Features computed once are kept and reused as they
    are, so a resumed run and a second run on another number of cores learn from the same values.
    """
    import keras

    return {
        "model": recipe.model,
        "weights": frozen.sha256,
        "cut": recipe.pooling or "map",
        "image_size": recipe.image_size,
        "decoder": images.DECODER,
        "precision": precision,
        "computed_by": f"{keras.config.backend()} {found.kind}",
    }


def run_identity(
    recipe: Recipe, frozen: Frozen, train: Sequence[View], valid: Sequence[View], batch_size: int
) -> dict[str, Any]:
    """Return what a run learns from; the photos count by what is in them, and by their order."""
    return {
        "recipe": recipe.to_json(),
        "weights": frozen.sha256,
        "data": [_digest(train), _digest(valid)],
        "batch_size": batch_size,
    }


def installed_versions() -> dict[str, str]:
    """Return the versions that a run is made with."""
    import keras

    return {
        "dl_magics": __version__,
        "keras": keras.version(),
        "backend": keras.config.backend(),
        "numpy": np.__version__,
    }


def _digest(views: Sequence[View]) -> str:
    digest = hashlib.sha256()
    for view in views:
        digest.update(view.key + view.photo.label.to_bytes(4, "little"))
    return digest.hexdigest()

"""What identifies features and runs: everything that their numbers depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dl_magics.data import images
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.features.key_index import KEY
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.engine.views import Views
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.version import __version__

_AT_ONCE = 65_536


def feature_space(recipe: Recipe, frozen: Frozen, precision: str, found: Device) -> dict[str, Any]:
    """Return everything except the image that a feature depends on, apart from rounding.

    Threads, instruction set, batch size, position in a batch and the number of devices, each of
    which computes whole batches, are left out: they affect only the rounding. Features are computed
    once and then reused unchanged, so that a resumed run, or a second run with another number of
    cores, trains on the same values.
    """
    import keras

    space = {
        "model": recipe.model_name,
        "network": frozen.sha256,
        "preprocessing": frozen.preprocessing,
        "cut": recipe.pooling or "map",
        "image_size": recipe.image_size,
        "decoder": images.DECODER,
        "precision": precision,
        "computed_by": f"{keras.config.backend()} {found.kind}",
    }
    # These differ by more than rounding does.
    named = {"convolution": f"Winograd F(4x4, 3x3), {frozen.winograd} layers"}
    return space | named if frozen.winograd else space


def run_identity(
    recipe: Recipe, frozen: Frozen, train: Views, valid: Views, batch_size: int
) -> dict[str, Any]:
    """Return what a run trains on; images are identified by content and order."""
    return {
        "recipe": recipe.to_json(),
        "weights": f"{frozen.sha256} {frozen.preprocessing}",
        "data": [digest_images(train), digest_images(valid)],
        "batch_size": batch_size,
    }


def format_identity(about: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run trains on as text for its log: a resumption may have no checkpoint."""
    return {"data": " ".join(about["data"]), "weights": about["weights"]}


def installed_versions() -> dict[str, str]:
    """Return the versions of dl_magics, Keras and NumPy, and the name of the backend."""
    import keras

    return {
        "dl_magics": __version__,
        "keras": keras.version(),
        "backend": keras.config.backend(),
        "numpy": np.__version__,
    }


def digest_images(views: Views) -> str:
    """Return the sha256 of the content, the labels and the order of images."""
    digest = hashlib.sha256()
    for at in range(0, len(views), _AT_ONCE):
        part = views[at : at + _AT_ONCE]
        rows = np.empty(len(part), [("key", KEY), ("label", "<u4")])
        rows["key"], rows["label"] = part.keys, part.labels
        digest.update(rows.tobytes())
    return digest.hexdigest()

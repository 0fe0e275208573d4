"""Convert answers of the Theano interpreter to the events of a run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dl_magics.data import images
from dl_magics.runs.events import Warned
from dl_magics.training.recipe.recipe import Recipe


def device_name(opened: dict[str, Any]) -> str:
    """Return the device as shown in a run."""
    where = "CPU" if opened["device"] == "cpu" else opened["device"]
    return f"{where}, Theano {opened['versions']['theano']}"


def warn_of_cpu(opened: dict[str, Any]) -> Warned:
    """Return a warning that Theano fell back to the CPU."""
    return Warned(
        code="no_gpu",
        text=f"Theano is configured to use {opened['configured']}, but computes on the CPU.",
        fix="Its GPU library pygpu does not start; %device shows what is really used.",
    )


def feature_space(recipe: Recipe, weights: Path | None, opened: dict[str, Any]) -> dict[str, Any]:
    """Return everything except the image that a feature depends on."""
    if weights is None:
        digest = f"random {recipe.seed}"
    else:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "model": recipe.model,
        "weights": digest,
        "cut": recipe.pooling or "map",
        "image_size": recipe.image_size,
        "decoder": images.VERSION,
        "precision": "float32",
        "computed_by": f"theano {opened['device']}",
    }

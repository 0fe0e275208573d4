"""What the other interpreter told of itself, in the words of a run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dl_magics.data import images
from dl_magics.runs.events import Warned
from dl_magics.training.recipe.recipe import Recipe


def device_name(opened: dict[str, Any]) -> str:
    """Return the device as a run names it."""
    where = "CPU" if opened["device"] == "cpu" else opened["device"]
    return f"{where}, Theano {opened['versions']['theano']}"


def warn_of_cpu(opened: dict[str, Any]) -> Warned:
    """Return the note that Theano silently went on with the CPU."""
    return Warned(
        code="no_gpu",
        text=f"Theano is told to use {opened['wish']}, but computes on the CPU.",
        fix="Its GPU library pygpu does not start; %device shows what is really used.",
    )


def feature_space(recipe: Recipe, weights: Path | None, opened: dict[str, Any]) -> dict[str, Any]:
    """Return all that a feature depends on but the image."""
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

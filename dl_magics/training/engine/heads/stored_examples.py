"""The examples of a run, for training and for validation, from what is stored."""

from __future__ import annotations

from collections.abc import Sequence

from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.stored_values import load_values
from dl_magics.training.engine.heads.examples import Examples, weigh_classes
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.recipe.recipe import Recipe


def load_examples(
    recipe: Recipe, classes: Sequence[str], store: FeatureStore, images: ScannedImages
) -> tuple[Examples, Examples]:
    """Return the examples for training and for validation, with the same weights of classes."""
    views = [images.readable(part) for part in (images.train, images.valid)]
    weights = weigh_classes(recipe, classes, views[0].labels)
    train, valid = (
        Examples(
            load_values(store, part.keys),
            part.labels,
            None if weights is None else weights[part.labels],
            part.rows if part.copies.any() else None,
        )
        for part in views
    )
    return train, valid

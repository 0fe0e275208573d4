"""Try a cell's `head(features)` before the first image is computed: build, save, load, predict."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dl_magics.errors import BadSetting
from dl_magics.training.engine.heads import objective
from dl_magics.training.engine.heads.network import build_head, strip_training
from dl_magics.training.model_archive import find_foreign_class
from dl_magics.training.recipe.recipe import Recipe

_IMAGES = 2


def require_loadable_head(recipe: Recipe, shape: tuple[int, ...], classes: int) -> None:
    """Raise BadSetting where the head of a recipe cannot be built, saved, loaded or run.

    Parameters
    ----------
    recipe
        Only its optimizer is built where it has no head of its own.
    shape
        The shape of the features of one image.
    classes
        The number of classes.
    """
    if not recipe.head:
        objective.build_optimizer(recipe)
        return
    import keras

    features = np.random.default_rng(0).random((_IMAGES, *shape), np.float32)
    head = strip_training(build_head(recipe, features, classes))
    try:
        head.predict_on_batch(features)
    except Exception as error:
        raise BadSetting(
            f"head(features) cannot be computed: {_first_line(error)}",
            fix=f"It gets features of shape {(None, *shape)}; try it on such an array.",
        ) from error
    try:
        problem = find_foreign_class(json.loads(head.to_json()), keras.saving.get_custom_objects())
        if not problem:
            with TemporaryDirectory(prefix="dl-magics-") as folder:
                path = Path(folder, "head.keras")
                head.save(path)
                loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
                loaded.predict_on_batch(features)
    except Exception as error:
        # A layer may raise anything while it is saved, loaded or called.
        raise _not_loadable(_first_line(error)) from error
    if problem:
        raise _not_loadable(problem)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _not_loadable(problem: str) -> BadSetting:
    return BadSetting(
        f"The model with this head(features) could not be loaded from its file: {problem}.",
        fix="Use layers of keras.layers and functions of keras.ops, which are saved by name: "
        'ops.square(x) for a Lambda layer, activation="gelu" for a lambda; no classes of your own.',
    )

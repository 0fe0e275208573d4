"""Select the engine that trains a recipe: Keras 3 or Theano."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from dl_magics.errors import BadSetting, NotInstalled
from dl_magics.keras_config import effective, rpc, theano_env
from dl_magics.keras_config.effective import Value
from dl_magics.runs.events import Event
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.theano import env, limits
from dl_magics.training.theano.engine import run as on_theano


def select_engine(recipe: Recipe, folder: Path) -> Callable[..., Generator[Event, None, None]]:
    """Return the engine of a recipe: the pipeline on Keras 3, or the one on Theano.

    Theano is selected by the recipe, `%backend`, an environment variable or keras.json; its
    interpreter is looked up in `folder`.

    Raises
    ------
    BadSetting
        where the recipe names another backend than Keras', or a setting Theano does not support.
    NotInstalled
        where the Theano environment is not set up.
    """
    shown = rpc.show_settings(str(folder))
    fresh = rpc.parse_effective(shown["in_force"])
    backend = effective.apply_imported(fresh, effective.imported_settings(sys.modules))["backend"]
    chosen = theano_env.parse_environment(shown["theano"]).selected
    if (recipe.backend or ("theano" if chosen else backend.value)) == "theano":
        limits.refuse_unsupported(recipe)
        found = env.find_interpreter(folder / theano_env.FOLDER)
        if found is None:
            raise _no_interpreter(backend)
        return partial(on_theano, interpreter=found)
    if recipe.backend and recipe.backend != backend.value:
        raise BadSetting(
            f"backend = {recipe.backend!r}, but Keras is on {backend.value} ({backend.source}).",
            fix=f"%backend {recipe.backend} · then restart the kernel that trains, if Keras is "
            "imported in it.",
        )
    return pipeline.run


def _no_interpreter(backend: Value) -> NotInstalled:
    why = f" ({backend.source})" if backend.value == "theano" else ""
    return NotInstalled(
        f"The Theano backend is selected{why}, but its environment is not set up.",
        fix="Set it up: %backend theano --setup · or use another backend: %backend tensorflow",
    )

"""Which backend a run is trained on, and the run on Theano."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

from dl_magics import home
from dl_magics.actions import keras_settings
from dl_magics.actions.settings_shown import Settings
from dl_magics.errors import BadSetting, NotInstalled
from dl_magics.events import Event
from dl_magics.settings import theanorc
from dl_magics.training.fit import finetune
from dl_magics.training.recipe import Recipe
from dl_magics.training.theano.engine import finetune as on_theano
from dl_magics.training.theano.process import Interpreter


def engine(recipe: Recipe) -> Callable[..., Generator[Event, None, None]]:
    """Return what trains: the engine on our own Keras, or the one on Theano, if that is meant.

    Theano is meant where the recipe, `%backend`, a variable or keras.json says so.

    Raises
    ------
    BadSetting
        where the recipe names another backend than this kernel's Keras has.
    NotInstalled
        where there is no interpreter with Theano.
    """
    shown = keras_settings.show("here")
    backend = shown.now["backend"]
    named = recipe.backend or ("theano" if shown.own.chosen else backend.value)
    if named == "theano":
        return partial(on_theano, interpreter=_interpreter(shown))
    if recipe.backend and recipe.backend != backend.value:
        raise BadSetting(
            f"backend = {recipe.backend!r}, but Keras is on {backend.value} here ({backend.by}).",
            fix=f"%backend {recipe.backend} · then restart the kernel, if Keras is imported.",
        )
    return finetune


def _interpreter(shown: Settings) -> Interpreter:
    own = shown.own
    if not own.python:
        by = shown.now["backend"]
        why = f" ({by.by})" if by.value == "theano" else ""
        raise NotInstalled(
            f"Theano is meant{why}, but there is no interpreter for it yet.",
            fix="%backend theano --setup makes it · %backend tensorflow trains without.",
        )
    told, _ = theanorc.device(own.versions["theano"])
    old_word = told.startswith("gpu")
    device = theanorc.spelled(told, own.versions["theano"]) if old_word else ""
    return Interpreter(own.python, str(home.folder("theano")), device)

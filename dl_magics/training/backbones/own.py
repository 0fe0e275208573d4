"""Load a model of one's own from a `.keras` file, without what classifies."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training import model_archive
from dl_magics.training.backbones import hub
from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.loading import isolated_load
from dl_magics.training.recipe.own_model import FROZEN, OwnModel


def load_own_model(model: OwnModel) -> Backbone:
    """Return the part of a model that computes features.

    Raises
    ------
    NotLoadable
        where its file could run code of its author.
    BadSetting
        where Keras fails to load it.
    """
    path = Path(model.path)
    model_archive.check_own_model(path, list_registered())
    import keras

    try:
        hub.import_for(path)
        if problem := isolated_load.find_problem_in_weights(path):
            raise model_archive.foreign_file(path, problem)
        loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (KeyError, ValueError, OSError, TypeError, zipfile.BadZipFile) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadSetting(
            f"model = {model.path!r} cannot be loaded: {reason:.200}",
            fix="Save it with this version of Keras: my_model.save(...)",
        ) from error
    if model.last_layer == FROZEN:
        return Backbone(loaded.get_layer(FROZEN))
    features = loaded.get_layer(model.left_out[0]).input if model.left_out else loaded.outputs[0]
    network = keras.Model(loaded.inputs, features, name="backbone")
    # A Sequential model has called its layers several times; here each is called once.
    called_once = keras.models.clone_model(network)
    called_once.set_weights(network.get_weights())
    return Backbone(called_once)


def list_registered() -> list[str]:
    """Return the classes that the notebook has registered with Keras itself."""
    keras: Any = sys.modules.get("keras")
    names = keras.saving.get_custom_objects() if keras else {}
    return [name for name in names if not name.startswith(f"{hub.PACKAGE}>")]

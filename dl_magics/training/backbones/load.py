"""Load a pretrained network by what `model` names, and copy it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dl_magics.training.backbones import hub, own
from dl_magics.training.backbones.backbone import SCALES, Backbone
from dl_magics.training.recipe.applications import Application
from dl_magics.training.recipe.hub_presets import HubPreset
from dl_magics.training.recipe.pretrained import Pretrained, find_pretrained
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights
from dl_magics.training.weights.graph import build_network


def require_usable(recipe: Recipe) -> None:
    """Raise what can be known of the model of a recipe before Keras is imported.

    Raises
    ------
    BadSetting
        where a file that it names does not exist.
    NotInstalled
        where KerasHub is needed and not installed.
    """
    model = find_pretrained(recipe.model)
    weights.require_file(recipe.weights)
    if isinstance(model, HubPreset):
        hub.require_installed(f"model = {recipe.model!r}")


def load_backbone(model: Pretrained, size: int, path: str | None, folder: Path) -> Backbone:
    """Return a network without its top, with its weights.

    `path` is a file of weights, None for random ones, or "imagenet" for those of its authors;
    `folder` is where weights are kept. Raises what `weights.load_base`, `hub.load_preset` and
    `own.load_own_model` raise.
    """
    if isinstance(model, Application):
        return Backbone(weights.load_base(model, size, path, folder), SCALES[model.preprocessing])
    if isinstance(model, HubPreset):
        file = weights.require_file(path)
        return hub.load_preset(model, size, str(file) if file else path)
    return own.load_own_model(model)


def copy_backbone(model: Pretrained, backbone: Backbone, size: int) -> Backbone:
    """Return a copy in the current dtype policy; of a model of one's own in that of its layers."""
    import keras

    if isinstance(model, Application):
        copied = build_network(model, size)
    elif isinstance(model, HubPreset):
        copied = hub.copy_network(backbone.network)
    else:
        copied = keras.models.clone_model(backbone.network)
    copied.set_weights(backbone.network.get_weights())
    return replace(backbone, network=copied)


def needs_download(model: Pretrained, path: str | None, folder: Path) -> bool:
    """Return whether weights have to be downloaded, judged by file names only."""
    if isinstance(model, Application):
        return weights.needs_download(model, path, folder)
    return isinstance(model, HubPreset) and not hub.is_kept(model)

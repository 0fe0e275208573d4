"""Plain Keras code for the pretrained network of a recipe, its preprocessing and its pooling."""

from __future__ import annotations

from dl_magics.training.backbones.backbone import SCALES
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.applications import Preprocessing
from dl_magics.training.recipe.hub_presets import PROJECTIONS, Architecture, HubPreset
from dl_magics.training.recipe.own_model import FROZEN, OwnModel
from dl_magics.training.recipe.recipe import Recipe

_APPLICATION = """\
x = {prepared}
base = keras.applications.{model}(
    include_top=False, weights={weights_file}, input_shape=({size}, {size}, 3)
)"""

_HUB = """\
import keras_hub

base = keras_hub.models.Backbone.from_preset(
    {model!r}, load_weights={load_weights}{shape}
)
base = getattr(base, "vision_encoder", base)
prepare = keras_hub.layers.ImageConverter.from_preset({model!r})
x = keras.layers.Rescaling(prepare.scale or 1.0, prepare.offset or 0.0)(pixels)
x = {{next(iter(base.input)): x}} if isinstance(base.input, dict) else x"""

_OWN = """\
x = pixels
model = keras.saving.load_model({path!r}, compile=False)
base = {base}"""

_LAST_LAYERS = """\
# Then the last layers of the network, together with the head; normalizations stay as they are.
base.trainable = True
first = {first}
for number, layer in enumerate(base.layers):
    is_frozen = number < first or isinstance(layer, keras.layers.BatchNormalization)
    layer.trainable = not is_frozen
"""

_LAST_BLOCKS = """\
# Then the last blocks of the network, together with the head.
import re

base.trainable = True
{adapters}paths = [each.path.split("/") for each in base.variables]
blocks = [each for path in paths for each in path if re.search(r"(block|layers|stage)_\\d+$", each)]
first = {first}
for number, variable in enumerate(base.variables):
    variable.trainable = number >= first{only}
"""

_ADAPTERS = """\
for layer in base._flatten_layers(include_self=False):
    if layer.name in {names}:
        layer.enable_lora({rank})
"""

_MEAN_OF_ALL = """\
x = x if len(x.shape) == 2 else keras.ops.mean(x, tuple(range(1, len(x.shape) - 1)))
"""
_CLASS_TOKEN = "x = x[:, 0]\n"
_LAST_MAP = "x = list(x.values())[-1] if isinstance(x, dict) else x\n"
_PATCHES = "x = x[:, {prefix} + getattr(base, 'num_register_tokens', 0) :]\n"
_POOLING = {"avg": "GlobalAveragePooling", "max": "GlobalMaxPooling"}


def write_base(recipe: Recipe, weights: str) -> str:
    """Return the lines that assign the network to `base`, and what it is called with to `x`.

    `weights` is a Python expression.
    """
    size, model = recipe.image_size, pretrained.find_pretrained(recipe.model)
    if isinstance(model, HubPreset):
        return _HUB.format(
            model=model.name,
            load_weights=recipe.weights is not None,
            shape=f", {model.architecture.shape_name}=({size}, {size}, 3)"
            if model.architecture.step
            else "",
        )
    if isinstance(model, OwnModel):
        return _OWN.format(path=model.path, base=_write_own_base(model))
    return _APPLICATION.format(
        prepared=_write_preprocessing(model.preprocessing),
        model=model.name,
        weights_file=weights,
        size=size,
    )


def write_pooling(recipe: Recipe) -> str:
    """Return the lines that make features of `x`, what the network returns."""
    model = pretrained.find_pretrained(recipe.model)
    if isinstance(model, HubPreset):
        return _write_hub_pooling(recipe.pooling, model.architecture)
    if recipe.pooling == "cls":
        return _CLASS_TOKEN
    if isinstance(model, OwnModel) and recipe.pooling == "avg":
        return _MEAN_OF_ALL
    return f"x = keras.layers.{_POOLING[recipe.pooling]}2D()(x)\n" if recipe.pooling else ""


def write_trainable(recipe: Recipe) -> str:
    """Return the lines that choose which weights of `base` are trained after the head."""
    model, wanted = pretrained.find_pretrained(recipe.model), recipe.unfreeze
    has_blocks = isinstance(model, HubPreset) and model.architecture.projections
    if not (recipe.lora_rank or has_blocks):
        first = f"len(base.layers) - {wanted}"
        if isinstance(wanted, str):
            first = f"[each.name.startswith({wanted!r}) for each in base.layers].index(True)"
        return _LAST_LAYERS.format(first=first)
    name = repr(wanted) if isinstance(wanted, str) else f"list(dict.fromkeys(blocks))[-{wanted}]"
    adapters = _ADAPTERS.format(names=tuple(sorted(PROJECTIONS)), rank=recipe.lora_rank)
    return _LAST_BLOCKS.format(
        adapters=adapters if recipe.lora_rank else "",
        first="0" if wanted is None else f"[{name} in path for path in paths].index(True)",
        only=' and "lora" in variable.path' if recipe.lora_rank else "",
    )


def _write_hub_pooling(pooling: str | None, architecture: Architecture) -> str:
    if architecture.returns_vectors:
        return ""
    if not architecture.returns_tokens:
        pooled = f"x = keras.layers.{_POOLING[pooling]}2D()(x)\n" if pooling in _POOLING else ""
        return _LAST_MAP + pooled
    if pooling not in _POOLING:
        return _CLASS_TOKEN if pooling else ""
    patches = _PATCHES.format(prefix=architecture.prefix) if architecture.prefix else ""
    return f"{patches}x = keras.layers.{_POOLING[pooling]}1D()(x)\n"


def _write_own_base(model: OwnModel) -> str:
    if model.last_layer == FROZEN:
        return f"model.get_layer({FROZEN!r})"
    if model.left_out:
        return f"keras.Model(model.inputs, model.get_layer({model.left_out[0]!r}).input)"
    return "model"


def _write_preprocessing(preprocessing: Preprocessing) -> str:
    scaling = SCALES[preprocessing]
    if scaling is None:
        return "pixels"
    raw = "keras.ops.flip(pixels, axis=-1)" if scaling.is_bgr else "pixels"
    return f"keras.layers.Rescaling({scaling.scale}, {scaling.offset})({raw})"

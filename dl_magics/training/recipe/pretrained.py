"""What `model` may name: a model of `keras.applications`, a preset of KerasHub, or a file."""

from __future__ import annotations

import difflib
import re

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.applications import APPLICATIONS, Application
from dl_magics.training.recipe.hub_presets import PRESETS, HubPreset
from dl_magics.training.recipe.own_model import OwnModel, is_own_model, read_own_model

Pretrained = Application | HubPreset | OwnModel


def find_pretrained(name: str) -> Pretrained:
    """Return what a `model` names: `VGG16`, `vgg_16_imagenet`, `dinov2_small`, `my_model.keras`.

    Where both have it, the model of `keras.applications` is meant. Raises BadSetting.
    """
    if is_own_model(name):
        return read_own_model(name)
    wanted = _plain(name)
    if wanted in _KNOWN:
        return _KNOWN[wanted]
    # Of the names that begin so, the shortest: VGG16, not VGG19; ResNet50, not ResNet101.
    begun = [each for each in _KNOWN if wanted and each.startswith(wanted)]
    near = (
        sorted(begun, key=lambda each: (isinstance(_KNOWN[each], HubPreset), len(each), each))
        or difflib.get_close_matches(wanted, _KNOWN, n=1, cutoff=0.4)
        or ["vgg16"]
    )
    raise BadSetting(
        f"model = {name!r} is none of the {len(APPLICATIONS)} models of keras.applications, none "
        f"of {len(PRESETS)} image presets of KerasHub, and no .keras file.",
        fix=f'Nearest: model = "{_KNOWN[near[0]].name}". All: {", ".join(APPLICATIONS)} · '
        f"of KerasHub: {', '.join(PRESETS)}",
    )


def require_size(model: Pretrained, size: int) -> None:
    """Raise BadSetting where a model does not take images of `size` pixels."""
    step = model.architecture.step if isinstance(model, HubPreset) else 1
    is_fixed = step == 0 or (isinstance(model, OwnModel) and not model.is_flexible)
    if is_fixed and size != model.size:
        raise BadSetting(
            f"image_size = {size}: {model.name} takes images of {model.size} pixels only.",
            fix="Leave image_size out.",
        )
    if size < model.smallest:
        raise BadSetting(
            f"image_size = {size} is too small for {model.name}.",
            fix=f"Use image_size = {model.smallest} or more; {model.name} was made for "
            f"{model.size}.",
        )
    if step and size % step:
        raise BadSetting(
            f"image_size = {size} is not a multiple of {step}, the patch size of {model.name}.",
            fix=f"Use image_size = {round(size / step) * step}",
        )


def default_pooling(model: Pretrained) -> str:
    """Return how the authors of a model make features of its output."""
    return "avg" if isinstance(model, Application) else model.pooling


def require_pooling(model: Pretrained, pooling: str | None) -> None:
    """Raise BadSetting where a model is known to have no class token, and it is asked for."""
    if pooling == "cls" and not isinstance(model, OwnModel) and default_pooling(model) != "cls":
        raise BadSetting(
            f'pooling = "cls": {model.name} has no class token.', fix="Leave pooling out."
        )


def require_attention(model: Pretrained, rank: int) -> None:
    """Raise BadSetting where a model is known to have no attention, which adapters are for."""
    if isinstance(model, OwnModel):
        return
    if not isinstance(model, HubPreset) or not model.architecture.projections:
        raise BadSetting(
            f"lora_rank = {rank}: {model.name} has no queries and values for adapters.",
            fix="Train its last layers themselves: unfreeze = 4 · or use a vision transformer: "
            'model = "dinov2_small"',
        )


def describe(model: Pretrained) -> str:
    """Return what must be said before a model is used, in one line; "" for `keras.applications`."""
    return "" if isinstance(model, Application) else model.describe()


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower().removesuffix("_imagenet"))


# Where both have a network, its name is that of `keras.applications`.
_KNOWN: dict[str, Pretrained] = {
    **{_plain(name): preset for name, preset in PRESETS.items()},
    **{_plain(name): application for name, application in APPLICATIONS.items()},
}

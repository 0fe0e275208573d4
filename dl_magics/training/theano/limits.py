"""The settings that Keras 1 on Theano does not support."""

from __future__ import annotations

from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.recipe import Recipe

_FIX = "Leave it out · or train on today's Keras: %backend tensorflow"


def refuse_unsupported(recipe: Recipe) -> None:
    """Raise BadSetting for settings that Keras 1 on Theano does not support."""
    wrong = {
        "model": recipe.model != "VGG16",
        "weights": recipe.weights not in ("imagenet", None),
        "mixed_precision": recipe.mixed_precision is True,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            value = getattr(recipe, name)
            raise BadSetting(
                f"{name} = {value!r}: on Theano there is VGG16 with its ImageNet weights, in "
                "float32.",
                fix=_FIX,
            )
    later: dict[str, Any] = {
        "heads": ("auto", 1),
        "optimizer": ("adam",),
        "weight_decay": (None, 0),
        "label_smoothing": (0,),
    }
    for name, usual in later.items():
        if getattr(recipe, name) not in usual:
            raise BadSetting(
                f"{name} = {getattr(recipe, name)!r}: on Theano there is one head, with Adam.",
                fix=_FIX,
            )
    if recipe.unfreeze is not None:
        raise BadSetting(
            f"unfreeze = {recipe.unfreeze!r}: on Theano only the head is trained.",
            fix=_FIX,
        )
    if recipe.workers:
        raise BadSetting(
            f"workers = {list(recipe.workers)!r:.80}: on Theano one process computes.", fix=_FIX
        )
    if recipe.augment_function:
        raise BadSetting(
            "augment(image, random) is called in each epoch; on Theano images are computed once.",
            fix="Set the number of copies of each image: augment = 2 · or: %backend tensorflow",
        )
    if recipe.head:
        raise BadSetting(
            "head(features) is written for today's Keras; Theano runs under Keras 1.",
            fix="Use dense = [256] and dropout · or: %backend tensorflow",
        )

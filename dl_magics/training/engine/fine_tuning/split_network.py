"""A network in two parts: the layers below the cut, and those above."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.backbones import load
from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.engine.fine_tuning.cut import Cut, find_cut
from dl_magics.training.engine.heads import objective
from dl_magics.training.engine.keras_context import default_keras_config, seeded_generators
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.recipe import Recipe


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A frozen network in two parts, both in the requested precision.

    `below` computes activations of raw RGB pixels, `above` the features of activations.
    `name_below` is the last layer below the cut, `name_above` the first one that is trained,
    `layers_above` the number of layers above the cut.
    """

    cut: Cut
    below: Any
    above: Any
    name_below: str
    name_above: str
    layers_above: int

    @property
    def activations(self) -> tuple[int, ...]:
        """The shape of the activations of one image."""
        return tuple(self.below.output_shape[1:])

    @property
    def values_above(self) -> int:
        """The number of weights above the cut."""
        return int(self.above.count_params())


@dataclass(frozen=True, eq=False)
class Trainable:
    """A copy of a network for training: `joint` computes logits of activations.

    `plain` is the whole network, from pixels to features; it shares its layers with `joint`.
    """

    plain: Any
    joint: Any


def split_network(recipe: Recipe, frozen: Frozen) -> SplitNetwork:
    """Return the two parts of a frozen network. Raises BadSetting where `unfreeze` is not in it."""
    cut = find_cut(frozen.base, recipe.unfreeze or 1)
    fast = frozen.half.network
    policy = fast.layers[-1].dtype_policy.name
    with default_keras_config(policy):
        import keras

        at = fast.operations[cut.position]
        if isinstance(at, keras.Model):
            raise BadSetting(
                f"unfreeze = {recipe.unfreeze!r}: what is below it is {at.name}, a model inside "
                f"{recipe.model_name}, at which it cannot be cut.",
                fix="Leave unfreeze out · or build the model without models inside it.",
            )
        below = replace(frozen.half, network=keras.Model(fast.inputs, at.output))
        return SplitNetwork(
            cut,
            below.add_ends(recipe.image_size, None),
            _build_above(frozen.half, cut, recipe.pooling),
            at.name,
            fast.operations[cut.first].name,
            sum(isinstance(each, keras.Layer) for each in fast.operations[cut.position + 1 :]),
        )


def build_trainable(recipe: Recipe, frozen: Frozen, cut: Cut, head: Any) -> Trainable:
    """Return a copy of a frozen network whose layers above the cut are trained with a head.

    Normalizations stay as they are: a few hundred images would change them for the worse.
    """
    import keras

    asked = pretrained.find_pretrained(recipe.model)
    with default_keras_config("float32"), seeded_generators(recipe.seed):
        copied = load.copy_backbone(asked, frozen.backbone, recipe.image_size)
        plain = copied.add_ends(recipe.image_size, recipe.pooling)
        base = copied.network
        for layer in base.operations[cut.first :]:
            if isinstance(layer, keras.Layer):
                layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        above = _build_above(copied, cut, recipe.pooling)
        joint = keras.Model(above.input, head(above.output), name="joint")
        objective.compile_head(joint, recipe, recipe.fine_learning_rate)
    return Trainable(plain, joint)


def _build_above(backbone: Backbone, cut: Cut, pooling: str | None) -> Any:
    """Return the layers above the cut as a network from activations to features."""
    import keras

    base = backbone.network
    at = base.operations[cut.position]
    above = keras.Model(at.output, base.output)
    activations = keras.Input(at.output.shape[1:], dtype="float32", name="activations")
    features = backbone.pool(above(activations, training=False), pooling)
    return keras.Model(activations, features, name="above")

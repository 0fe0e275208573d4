"""A network in two parts: the layers below the cut, and those above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.backbones import load
from dl_magics.training.backbones.backbone import Backbone
from dl_magics.training.engine.fine_tuning import adapters
from dl_magics.training.engine.fine_tuning.cut import Cut, find_cut
from dl_magics.training.engine.fine_tuning.graph import Graph, read_graph
from dl_magics.training.engine.heads import objective, schedule
from dl_magics.training.engine.heads.learned import TUNED
from dl_magics.training.engine.keras_context import default_keras_config, seeded_generators
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.recipe import Recipe


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A frozen network in two parts, both in the requested precision.

    `below` computes activations of raw RGB pixels, `above` the features of activations, which have
    the shape `activations` for an image, and which the type `stored` holds exactly.
    `name_below` is the last layer below the cut, `name_above` the first one that is trained,
    `layers_above` the number of layers above the cut. `projections` are those that get adapters,
    `values` the number of values that are trained, without the head.
    """

    cut: Cut
    below: Any
    above: Any
    activations: tuple[int, ...]
    stored: str
    name_below: str
    name_above: str
    layers_above: int
    projections: int
    values: int

    @property
    def values_above(self) -> int:
        """The number of weights above the cut."""
        return int(self.above.count_params())


@dataclass(frozen=True, eq=False)
class Trainable:
    """A copy of a network for training: `joint` computes logits of activations.

    `plain` is the whole network, from pixels to features; it shares its layers with `joint`.
    `adapted` are the operations of `joint` whose projections have adapters.
    """

    plain: Any
    joint: Any
    adapted: Sequence[Any] = ()


def split_network(recipe: Recipe, frozen: Frozen) -> SplitNetwork:
    """Return the two parts of a frozen network.

    Raises BadSetting where `unfreeze` is not in it, or where there is nothing for adapters.
    """
    cut = find_cut(read_graph(frozen.base), recipe.unfreeze)
    policy = frozen.half.network.layers[-1].dtype_policy.name
    with default_keras_config(policy):
        import keras

        graph = read_graph(frozen.half.network)
        trained = graph.operations[cut.first :]
        projections = adapters.list_projections(trained)
        rank = recipe.lora_rank
        if rank and not projections:
            raise BadSetting(
                f"lora_rank = {rank}: there is no attention from {trained[0].name} on.",
                fix="Leave unfreeze out: adapters are for all blocks then.",
            )
        at = graph.tensors[cut.position]
        below = replace(
            frozen.half, network=keras.Model(graph.inputs, at, name="below"), input_name=""
        ).add_ends(recipe.image_size, None)
        shape = _measure_shape(below)
        return SplitNetwork(
            cut,
            below,
            _build_above(frozen.half, graph, cut, recipe.pooling, shape),
            shape,
            # `below` gives them in float32; in half precision are those that a layer computed so.
            at.dtype if at.dtype in ("float16", "bfloat16") else "float32",
            graph.operations[cut.position].name,
            trained[0].name,
            sum(isinstance(each, keras.Layer) for each in graph.operations[cut.position + 1 :]),
            len(projections) if rank else 0,
            adapters.count_values(projections, rank)
            if rank
            else sum(each.count_params() for each in trained if isinstance(each, keras.Layer)),
        )


def build_trainable(
    recipe: Recipe, frozen: Frozen, split: SplitNetwork, head: Any, images: int
) -> Trainable:
    """Return a copy of a frozen network whose layers above the cut are trained with a head.

    It is trained on so many images.

    With `lora_rank`, their adapters are trained. Normalizations of batches stay as they are: a few
    hundred images would change them for the worse.
    """
    import keras

    with default_keras_config("float32"), seeded_generators(recipe.seed):
        copied, plain = _copy(recipe, frozen)
        graph = read_graph(copied.network)
        trained = graph.operations[split.cut.first :]
        if recipe.lora_rank:
            adapters.add_adapters(trained, recipe.lora_rank)
        else:
            for layer in trained:
                _unfreeze(layer)
        above = _build_above(copied, graph, split.cut, recipe.pooling, split.activations)
        joint = keras.Model(above.input, head(above.output), name="joint")
        objective.compile_head(joint, recipe, schedule.build_schedule(recipe, images))
    return Trainable(plain, joint, trained if recipe.lora_rank else ())


def merge_adapters(recipe: Recipe, frozen: Frozen, cut: Cut, trained: Trainable) -> Any:
    """Return the whole network that was trained, with its adapters added to its weights."""
    if not trained.adapted:
        return trained.plain
    with default_keras_config("float32"):
        copied, plain = _copy(recipe, frozen)
        adapters.merge_adapters(trained.adapted, read_graph(copied.network).operations[cut.first :])
    return plain


def _copy(recipe: Recipe, frozen: Frozen) -> tuple[Backbone, Any]:
    """Return a copy of a network, and the same from pixels to features."""
    asked = pretrained.find_pretrained(recipe.model)
    copied = load.copy_backbone(asked, frozen.backbone, recipe.image_size)
    return copied, copied.add_ends(recipe.image_size, recipe.pooling)


def _unfreeze(operation: Any) -> None:
    import keras

    if isinstance(operation, keras.Layer):
        operation.trainable = True
    for layer in adapters.list_inside(operation):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _measure_shape(below: Any) -> tuple[int, ...]:
    """Return the shape of the activations of one image: some layers of KerasHub name another one.

    That of SigLIP's embedding has one token less than it says.
    """
    import keras

    if len(below.output_shape) != 3:
        return tuple(below.output_shape[1:])
    return tuple(below(keras.ops.zeros((1, *below.input_shape[1:])), training=False).shape[1:])


def _build_above(
    backbone: Backbone, graph: Graph, cut: Cut, pooling: str | None, shape: tuple[int, ...]
) -> Any:
    """Return the layers above the cut as a network from activations of a shape to features."""
    import keras

    at = graph.tensors[cut.position]
    above = keras.Model(at, graph.output, name=TUNED)
    if shape != at.shape[1:]:
        above = keras.models.clone_model(
            above, keras.Input(shape, dtype=at.dtype), clone_function=lambda each: each
        )
    activations = keras.Input(shape, dtype="float32", name="activations")
    features = backbone.pool(above(activations, training=False), pooling)
    return keras.Model(activations, features, name="features")

"""Adapters of low rank (LoRA) on the projections of attention, which are trained in their place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from dl_magics.training.engine.fine_tuning.graph import Graph
from dl_magics.training.recipe.hub_presets import PROJECTIONS


def list_inside(operation: Any) -> list[Any]:
    """Return a layer and all layers inside it; nothing for an operation that is no layer."""
    import keras

    # As `enable_lora` of KerasHub's backbones does: Keras has no public name for it.
    return list(operation._flatten_layers()) if isinstance(operation, keras.Layer) else []


def list_projections(operations: Iterable[Any]) -> list[Any]:
    """Return what computes queries and values in these operations, in order."""
    inside = (each for operation in operations for each in list_inside(operation))
    return [each for each in inside if each.name in PROJECTIONS and hasattr(each, "enable_lora")]


def list_attention_blocks(graph: Graph) -> list[int]:
    """Return the positions of the operations with attention that map tokens to tokens."""
    return [
        at
        for at, (operation, tensor) in enumerate(zip(graph.operations, graph.tensors, strict=True))
        if tensor is not None and len(tensor.shape) == 3 and list_projections([operation])
    ]


def count_values(projections: Iterable[Any], rank: int) -> int:
    """Return the number of values of the adapters of projections."""
    shapes = [each.kernel.shape for each in projections]
    return sum(rank * (math.prod(shape[:-1]) + shape[-1]) for shape in shapes)


def add_adapters(operations: Sequence[Any], rank: int) -> None:
    """Add adapters to the projections of these operations: these alone are trained."""
    import keras

    projections = list_projections(operations)
    for operation in operations:
        # What is inside a layer is only trained where the layer is.
        if isinstance(operation, keras.Layer):
            operation.trainable = bool(list_projections([operation]))
    for each in projections:
        each.enable_lora(rank)
    for operation in operations:
        for variable in getattr(operation, "variables", ()):
            variable.trainable = False
    for each in projections:
        each.lora_kernel_a.trainable = each.lora_kernel_b.trainable = True


def merge_adapters(operations: Iterable[Any], into: Iterable[Any]) -> None:
    """Add the adapters of operations to the kernels of the same operations without adapters."""
    for adapted, plain in zip(list_projections(operations), list_projections(into), strict=True):
        plain.kernel.assign(adapted.kernel)

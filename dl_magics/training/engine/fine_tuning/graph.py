"""What a network computes, operation by operation, with the blocks inside its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Models inside models inside models, each with an encoder in it.
_DEEPEST = 4


@dataclass(frozen=True, eq=False)
class Graph:
    """The operations of a network in the order in which they are computed, inputs first.

    `tensors` are their outputs that are used, None where these are several; `sources` the positions
    of those whose outputs each takes. `output` is what the network returns, of several the last.
    """

    name: str
    operations: tuple[Any, ...]
    tensors: tuple[Any, ...]
    sources: tuple[frozenset[int], ...]
    inputs: list[Any]
    output: Any

    @property
    def layers(self) -> list[Any]:
        """The operations that are layers: others have no weights."""
        import keras

        return [each for each in self.operations if isinstance(each, keras.Layer)]

    def is_cut_by(self, position: int) -> bool:
        """Return whether all that is computed later depends on this output alone."""
        later = self.sources[position + 1 :]
        return self.tensors[position] is not None and all(
            source >= position for each in later for source in each
        )


def read_graph(network: Any) -> Graph:
    """Return the graph of a network: layers that contain a row of blocks are replaced by these.

    So are models inside it. The operations are those of the network, with its weights. What cannot
    be replaced stays as it is, such as layers that have blocks of the same names.
    """
    import keras

    flat, whole = network, set[int]()
    for _ in range(_DEEPEST):
        if not any(_has_blocks(each) and id(each) not in whole for each in flat.operations):
            break
        try:
            flat = _expand(flat, whole)
        except ValueError:
            break
    if flat is not network or any(isinstance(each, keras.Model) for each in flat.operations):
        return _record(flat)
    operations = [*network.operations]
    inputs = [[] if _is_input(each) else keras.tree.flatten(each.input) for each in operations]
    outputs = [keras.tree.flatten(each.output) for each in operations]
    return _join(network, operations, inputs, outputs, network.inputs, network.output)


def _is_input(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.InputLayer)


def _has_blocks(operation: Any) -> bool:
    """Return whether an operation is a model, or a layer that has a list of layers."""
    import keras

    if isinstance(operation, keras.Model):
        return True
    if not isinstance(operation, keras.Layer):
        return False
    lists = (
        value
        for name, value in vars(operation).items()
        # Keras has all layers inside of one in a list of its own.
        if not name.startswith("_") and isinstance(value, list | tuple)
    )
    return any(each and all(isinstance(one, keras.Layer) for one in each) for each in lists)


def _expand(network: Any, whole: set[int]) -> Any:
    """Return a model of the same layers, in which what is inside of some is called by itself.

    Adds those of which this is not possible to `whole`. Raises ValueError where the names of all
    operations are not unique then.
    """
    import keras

    def call(operation: Any, *given: Any, **named: Any) -> Any:
        if _has_blocks(operation) and id(operation) not in whole:
            try:
                return operation.call(*given, **named)
            except Exception:
                # A layer may raise anything where it is not called as its author expects.
                whole.add(id(operation))
        return operation(*given, **named)

    return keras.models.clone_model(network, clone_function=lambda each: each, call_function=call)


def _record(network: Any) -> Graph:
    """Return the graph of a model whose layers were called before: it calls each once more."""
    import keras

    operations: list[Any] = []
    inputs: list[list[Any]] = []
    outputs: list[list[Any]] = []

    def call(operation: Any, *given: Any, **named: Any) -> Any:
        returned = operation(*given, **named)
        tensors = keras.tree.flatten(returned)
        if all(each.shape[:1] != (None,) for each in tensors):
            # The same for all images, such as rotary positions: no later layer waits for it.
            return _compute(operation, given, named)
        taken = [
            each
            for each in keras.tree.flatten((given, named))
            if isinstance(each, keras.KerasTensor)
        ]
        operations.append(operation)
        inputs.append(taken)
        outputs.append(tensors)
        return returned

    called = keras.models.clone_model(network, clone_function=lambda each: each, call_function=call)
    first = [each for each in called.operations if _is_input(each)]
    return _join(
        network,
        [*first, *operations],
        [*([] for _ in first), *inputs],
        [*([each.output] for each in first), *outputs],
        called.inputs,
        called.output,
    )


def _compute(operation: Any, given: Any, named: Any) -> Any:
    """Return what an operation returns for any images, as values."""
    import keras

    def fill(value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        return keras.ops.zeros([size or 1 for size in value.shape], value.dtype)

    given, named = keras.tree.map_structure(fill, (given, named))
    return operation(*given, **named)


def _join(
    network: Any,
    operations: list[Any],
    taken: list[list[Any]],
    returned: list[list[Any]],
    inputs: list[Any],
    output: Any,
) -> Graph:
    output = list(output.values())[-1] if isinstance(output, dict) else output
    position = {id(each): at for at, tensors in enumerate(returned) for each in tensors}
    used = {id(output)}.union(id(each) for tensors in taken for each in tensors)
    kept = [[each for each in tensors if id(each) in used] for tensors in returned]
    return Graph(
        network.name,
        tuple(operations),
        tuple(tensors[0] if len(tensors) == 1 else None for tensors in kept),
        tuple(frozenset(position[id(each)] for each in tensors) for tensors in taken),
        list(inputs),
        output,
    )

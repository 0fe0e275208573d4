"""Where a network is cut: the layers below are computed once, those above in every epoch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.errors import BadSetting

# Layers without a name of their own are numbered in each process, such as conv2d_3.
_BLOCK = re.compile(r"(?:[a-z]+_)*?(?:block|conv(?:_dw|_pw)?|stage|mixed)_?\d+(?!d_|d$)")


@dataclass(frozen=True)
class Cut:
    """A network is cut behind the layer at `position`; it is trained from the one at `first` on.

    Both are positions in `network.operations`, which also has what is no layer: an addition.
    The layers between the two, if there are any, are computed in every epoch but not trained.
    """

    position: int
    first: int

    @property
    def between(self) -> int:
        """The number of layers that are computed in every epoch but not trained."""
        return self.first - self.position - 1


def find_cut(network: Any, unfreeze: str | int) -> Cut:
    """Return the highest layer below what is unfrozen through which everything flows.

    Parameters
    ----------
    network
        a network without its top.
    unfreeze
        the name of a layer or block, with which training begins, or the number of last layers.

    Raises
    ------
    BadSetting
        where the network has no such layer, or not as many.
    """
    first = _find_first(network, unfreeze)
    sources = _list_sources(network)
    for position in range(first - 1, 0, -1):
        crossing = (each for later in sources[position + 1 :] for each in later)
        if all(each >= position for each in crossing):
            return Cut(position, first)
    return Cut(0, first)


def list_blocks(names: Sequence[str]) -> list[str]:
    """Return the blocks of a network in order: what the names of its layers begin with."""
    begun = (_BLOCK.match(name) for name in names)
    return list(dict.fromkeys(each[0] for each in begun if each))


def _find_first(network: Any, unfreeze: str | int) -> int:
    """Return the position of the first layer that is trained."""
    operations = [each.name for each in network.operations]
    names = [layer.name for layer in network.layers]
    if isinstance(unfreeze, str):
        # block7 is the beginning of block7_conv and block7a_conv, not of block70.
        wanted = re.compile(rf"{re.escape(unfreeze)}(?:$|_|(?<=\d)(?!d_|d$)[a-z])")
        found = [at for at, name in enumerate(names) if at and wanted.match(name)]
        if not found:
            blocks = list_blocks(names) or names[-5:]
            raise BadSetting(
                f"unfreeze = {unfreeze!r}: {network.name} has no layer or block of this name.",
                fix=f"It has {', '.join(blocks)} · or a number of its last layers: unfreeze = 4",
            )
        return operations.index(names[found[0]])
    most = len(names) - 1  # the first one is the input
    if unfreeze > most:
        raise BadSetting(
            f"unfreeze = {unfreeze}: {network.name} has {most} layers without its top.",
            fix=f"Use {most} for all of them, or fewer.",
        )
    return operations.index(names[-unfreeze])


def _list_sources(network: Any) -> list[list[int]]:
    """Return the positions of the inputs of each operation."""
    layers = network.get_config()["layers"]
    position = {layer["name"]: number for number, layer in enumerate(layers)}
    return [[position[name] for name in _list_inputs(layer["inbound_nodes"])] for layer in layers]


def _list_inputs(value: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs are arguments of a call, as Keras saves it."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        else:
            yield from _list_inputs(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _list_inputs(each)

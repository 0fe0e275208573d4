"""Where a network is cut: the layers below are computed once, those above in every epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dl_magics.errors import BadSetting
from dl_magics.training.engine.fine_tuning import adapters
from dl_magics.training.engine.fine_tuning.graph import Graph

# Layers without a name of their own are numbered in each process, such as conv2d_3.
_BLOCK = re.compile(r"(?:[a-z]+_)*?(?:block|conv(?:_dw|_pw)?|stage|mixed)_?\d+(?!d_|d$)")


@dataclass(frozen=True)
class Cut:
    """A network is cut behind the layer at `position`; it is trained from the one at `first` on.

    Both are positions in the operations of its graph, which also has what is no layer: an addition.
    The layers between the two, if there are any, are computed in every epoch but not trained.
    """

    position: int
    first: int

    @property
    def between(self) -> int:
        """The number of layers that are computed in every epoch but not trained."""
        return self.first - self.position - 1


def find_cut(graph: Graph, unfreeze: str | int | None) -> Cut:
    """Return the highest operation below what is unfrozen through which everything flows.

    Parameters
    ----------
    graph
        a network without its top.
    unfreeze
        the name of a layer or block, with which training begins, or the number of last layers: of
        last blocks where the network is a row of blocks with attention. None is all of these.

    Raises
    ------
    BadSetting
        where the network has no such layer, or not as many.
    """
    first = _find_first(graph, unfreeze)
    position = next(filter(graph.is_cut_by, range(first - 1, 0, -1)), 0)
    return Cut(position, first)


def list_blocks(names: Sequence[str]) -> list[str]:
    """Return the blocks of a network in order: what the names of its layers begin with."""
    begun = (_BLOCK.match(name) for name in names)
    return list(dict.fromkeys(each[0] for each in begun if each))


def _find_first(graph: Graph, unfreeze: str | int | None) -> int:
    """Return the position of the first operation that is trained."""
    layers, blocks = graph.layers, adapters.list_attention_blocks(graph)
    names = [layer.name for layer in layers]
    if unfreeze is None:
        if not blocks:
            raise BadSetting(
                f"lora_rank: {graph.name} has no layers with attention for adapters.",
                fix="Leave lora_rank out, and train the last layers themselves: unfreeze = 4",
            )
        return blocks[0]
    if isinstance(unfreeze, str):
        # block7 is the beginning of block7_conv and block7a_conv, not of block70.
        wanted = re.compile(rf"{re.escape(unfreeze)}(?:$|_|(?<=\d)(?!d_|d$)[a-z])")
        found = [at for at, name in enumerate(names) if at and wanted.match(name)]
        if not found:
            known = [graph.operations[at].name for at in blocks] or list_blocks(names) or names[-5:]
            raise BadSetting(
                f"unfreeze = {unfreeze!r}: {graph.name} has no layer or block of this name.",
                fix=f"It has {', '.join(known)} · or a number of its last "
                f"{'blocks: unfreeze = 1' if blocks else 'layers: unfreeze = 4'}",
            )
        return graph.operations.index(layers[found[0]])
    counted = [graph.operations[at] for at in blocks] or layers[1:]  # the first one is the input
    if unfreeze > len(counted):
        kind = "blocks" if blocks else "layers without its top"
        raise BadSetting(
            f"unfreeze = {unfreeze}: {graph.name} has {len(counted)} {kind}.",
            fix=f"Use {len(counted)} for all of them, or fewer.",
        )
    return graph.operations.index(counted[-unfreeze])

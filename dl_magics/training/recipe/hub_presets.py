"""The image backbones of KerasHub: what must be known of a preset before KerasHub is imported.

`hub_presets.csv` lists the presets, `hub_architectures.csv` what their authors use as features.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from importlib.resources import files

PAGES = "https://www.kaggle.com/models/keras"

_BYTES_PER_PARAMETER = 4
_SMALLEST = 32


@dataclass(frozen=True, slots=True)
class Architecture:
    """A class of KerasHub: what all its presets have in common.

    `step` is what its image size is a multiple of, 0 where it is that of the preset. `pooling` is
    how its authors make features of its output; `prefix` is the number of tokens before those of
    the patches. `projections` are the layers in attention that compute queries and values, if it
    has any. `license` is "" where it differs between presets or is not known.
    """

    name: str
    module: str
    backbone: str
    step: int
    pooling: str
    prefix: int
    projections: tuple[str, ...]
    license: str

    @property
    def shape_name(self) -> str:
        """The argument of its class that is the shape of an image."""
        return "input_shape" if self.name == "EfficientNet" else "image_shape"

    @property
    def returns_tokens(self) -> bool:
        """Whether it returns a sequence of tokens rather than a feature map."""
        return self.pooling == "cls" or self.name == "SwinTransformer"

    @property
    def returns_vectors(self) -> bool:
        """Whether it pools what it returns itself."""
        return self.name == "SigLIP"


@dataclass(frozen=True, slots=True)
class HubPreset:
    """A pretrained backbone of KerasHub; `size` is its usual image size, `page` where it is.

    `blocks` have attention of so many `heads`, on tokens of so many values, `width`; 0 where they
    are not all alike.
    """

    name: str
    architecture: Architecture
    size: int
    parameters: int
    page: str
    blocks: int = 0
    width: int = 0
    heads: int = 0

    @property
    def smallest(self) -> int:
        """The smallest image size that it takes."""
        step = self.architecture.step
        return math.ceil(_SMALLEST / step) * step if step else self.size

    @property
    def pooling(self) -> str:
        """The `pooling` of its authors."""
        return self.architecture.pooling

    @property
    def download_bytes(self) -> int:
        """About how large its weights are."""
        return _BYTES_PER_PARAMETER * self.parameters

    def count_adapters(self, rank: int, blocks: int | None = None) -> int:
        """Return the number of values of LoRA adapters on its last blocks, by default all; or 0.

        Keras has queries and values of attention as arrays (width, heads, width of a head), but
        those of DINOv3 as (width, width). SigLIP pools by one more attention.
        """
        if not self.blocks:
            return 0
        is_flat = "query" not in self.architecture.projections
        size = 2 * self.width if is_flat else self.width * self.heads + self.width // self.heads
        attentions = min(blocks or self.blocks, self.blocks) + self.architecture.returns_vectors
        return 2 * rank * size * attentions

    def describe(self) -> str:
        """Return a sentence that names its license, to be read before it is downloaded."""
        stated = self.architecture.license
        under = f"its license is {stated}" if stated else "its license is stated"
        return (
            f"{self.name} of KerasHub is a download of about {self.download_bytes / 1e6:,.0f} MB "
            f"unless it is kept; {under}: {PAGES}/{self.page}"
        )


def _read(name: str) -> list[dict[str, str]]:
    text = files("dl_magics.training.recipe").joinpath(name).read_text("ascii")
    return list(csv.DictReader(text.splitlines()))


ARCHITECTURES = {
    row["name"]: Architecture(
        row["name"],
        row["module"],
        row["backbone"],
        int(row["step"]),
        row["pooling"],
        int(row["prefix"]),
        tuple(row["projections"].split()),
        row["license"],
    )
    for row in _read("hub_architectures.csv")
}

PRESETS = {
    row["name"]: HubPreset(
        row["name"],
        ARCHITECTURES[row["architecture"]],
        int(row["size"]),
        int(row["parameters"]),
        row["page"],
        *(int(row[name] or 0) for name in ("blocks", "width", "heads")),
    )
    for row in _read("hub_presets.csv")
}

PROJECTIONS = frozenset(name for each in ARCHITECTURES.values() for name in each.projections)
"""The names of all layers that compute queries and values, as Keras' own attention has them."""

"""What all checks share: images, weights, sizes. It travels to the children as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.training.recipe.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """The setting of a check.

    Attributes
    ----------
    data
        The image folder, with `train` and `valid`.
    many
        A folder with more images: copies of those in `data`, each with a content of its own.
    weights
        The weights as a recipe has them.
    size, run_size
        The image size of the checks of the network, and of whole runs.
    epochs
        Those of a whole run.
    small
        Whether sizes are reduced, to try the checks on a computer without a GPU.
    """

    backend: str
    data: str
    many: str
    weights: str | None
    scratch: str
    size: int
    run_size: int
    epochs: int
    small: bool

    def recipe(self, **settings: Any) -> Recipe:
        """Return the recipe of a network of this setting."""
        values = {"data": self.data, "weights": self.weights, "image_size": self.size, **settings}
        return Recipe(**values)

    def on(self, backend: str) -> Setting:
        """Return the same setting for another backend."""
        return replace(self, backend=backend)

    @property
    def folder(self) -> Path:
        """A folder for what a check writes."""
        return Path(self.scratch)

    def to_json(self) -> str:
        """Return it as an argument of a child."""
        return json.dumps(asdict(self))


def setting_of_child() -> Setting:
    """Return the setting that the first argument of this process holds."""
    return Setting(**json.loads(sys.argv[1]))

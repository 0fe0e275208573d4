"""A cell's `augment(image, random)`: called, and what it returns checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import BadSetting
from dl_magics.training.engine.features.key_index import Key
from dl_magics.training.engine.inference.compute import Pixels
from dl_magics.training.recipe.recipe import Recipe

_FIX = (
    "It gets the pixels of an image, an array (height, width, 3) of uint8, and a "
    "numpy.random.Generator; it returns pixels of the same shape, 0 to 255."
)


class AugmentFunction:
    """The function of a recipe. What it draws from `random` depends on seed, epoch and image."""

    def __init__(self, recipe: Recipe) -> None:
        import keras

        self._seed = recipe.seed
        names: dict[str, Any] = {"keras": keras, "layers": keras.layers, "ops": keras.ops, "np": np}
        names |= recipe.augment_names
        try:
            exec(compile(recipe.augment_function, "<augment>", "exec"), names)
        except Exception as error:
            # An import of the user's may raise anything; its error is reported.
            raise _failed(error) from error
        self._function = names["augment"]

    def apply(self, pixels: Pixels, key: Key, epoch: int) -> Pixels:
        """Return the pixels of an image as an epoch sees them; `key` is that of its features.

        `pixels` has the shape (height, width, 3), as has the result.

        Raises
        ------
        BadSetting
            where the function fails, or returns anything but pixels of this shape.
        """
        random = np.random.default_rng([self._seed, epoch, int.from_bytes(key[:4], "little")])
        try:
            made: NDArray[Any] = np.asarray(self._function(pixels.copy(), random))
        except Exception as error:
            # The user's function may raise anything; its error is reported.
            raise _failed(error) from error
        if made.shape != pixels.shape or made.dtype.kind not in "uif":
            raise BadSetting(
                f"augment(image, random) returned {made.dtype} of the shape {made.shape} for an "
                f"image of the shape {pixels.shape}.",
                fix=_FIX,
            )
        if made.dtype == np.uint8:
            return made
        if not np.isfinite(made).all():
            raise BadSetting(
                "augment(image, random) returned NaN or infinite values.",
                fix=_FIX,
            )
        clipped: Pixels = np.clip(np.rint(made), 0, 255).astype(np.uint8)
        return clipped


def _failed(error: Exception) -> BadSetting:
    first = (str(error).splitlines() or [""])[0]
    return BadSetting(
        f"augment(image, random) failed: {type(error).__name__}: {first}",
        fix=_FIX,
    )

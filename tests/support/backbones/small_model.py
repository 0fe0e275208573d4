"""A small network behind the preprocessing of VGG16, as a model of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dl_magics.training.backbones.backbone import SCALES, Backbone

WIDTHS = (16, 32)


def save(path: Path, size: int = 32, seed: int = 0, pooling: str | None = "avg") -> Path:
    """Save it for photos of one size, with random weights; return its path.

    They are drawn here once: JAX would compile the drawing for each layer, wherever it is loaded.
    Without pooling it returns maps, which a run pools and Grad-CAM needs.
    """
    import keras

    layers, random = keras.layers, np.random.default_rng(seed)
    maps = pixels = keras.Input((size, size, 3))
    for block, width in enumerate(WIDTHS, start=1):
        convolve = layers.Conv2D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="zeros",
            name=f"block{block}_conv1",
        )
        maps = layers.MaxPooling2D(name=f"block{block}_pool")(convolve(maps))
        kernel, _ = convolve.weights
        of_one_pixel = 9 * sum(kernel.shape[2:])
        kernel.assign(random.normal(0, (2 / of_one_pixel) ** 0.5, kernel.shape))
    network = keras.Model(pixels, maps, name="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    Backbone(network, SCALES["caffe"]).add_ends(size, pooling).save(path)
    return path


def save_beside(photos: Path, pooling: str | None = "avg") -> Path:
    """Save it for `tiny_keras.recipe` of a folder of photos; return the folder.

    VGG16 would take most of the time of such a run to be built and saved.
    """
    save(find_beside(photos), pooling=pooling)
    return photos


def find_beside(photos: Path) -> Path:
    """Return where the network of the recipes of a folder may be."""
    return photos.with_name(f"{photos.name}.keras")

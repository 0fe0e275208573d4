"""Prepare images and weights for the checks."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from setting import setting_of_child

CLASSES = ("dark", "light")


def draw_images(folder: Path, train: int, valid: int) -> Path:
    """Draw JPEG files of two classes, as large as those of a small camera; return the folder."""
    draw = np.random.default_rng(0)
    for part, images in (("train", train), ("valid", valid)):
        for label, name in enumerate(CLASSES):
            place = folder / part / name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(images):
                coarse = draw.integers(90 * label, 90 * label + 150, (12, 16, 3), np.uint8)
                picture = Image.fromarray(coarse).resize((500, 374), Image.Resampling.BICUBIC)
                picture.save(place / f"{number}.jpg", quality=90)
    return folder


def copy_images(data: Path, folder: Path, wanted: int) -> Path:
    """Write `wanted` JPEG files, each with other bytes behind its end mark; return the folder.

    Decoders do not read these bytes, but the features of equal files would be computed once.
    """
    sources = sorted(data.rglob("*.jpg"))
    place = folder / "train" / "copies"
    place.mkdir(parents=True, exist_ok=True)
    for number in range(wanted):
        content = sources[number % len(sources)].read_bytes()
        (place / f"{number}.jpg").write_bytes(content + b"%d" % number)
    return folder


def unpack_images(archive: Path, folder: Path) -> Path:
    """Unpack a zip file with an image folder; return the folder that has `train` in it."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return next(path.parent for path in sorted(folder.rglob("train")))


def convert_weights(arrays: Path, file: Path) -> None:
    """Write a `.weights.h5` file of VGG16's convolutions: arrays in the order of its layers."""
    import keras

    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    with np.load(arrays) as opened:
        network.set_weights([opened[name].astype(np.float32) for name in sorted(opened.files)])
    network.save_weights(file)


if __name__ == "__main__":
    convert_weights(Path(str(setting_of_child().weights)), Path(sys.argv[2]))

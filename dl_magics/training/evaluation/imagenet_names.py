"""What a pretrained network sees in images: the ImageNet class that it predicts with its top.

A run has the network without its top. The whole one is used where Keras has downloaded it and the
names of the classes; nothing is downloaded for this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.data import images
from dl_magics.training.backbones.backbone import SCALES
from dl_magics.training.engine import device
from dl_magics.training.engine.inference.out_of_memory import translating_out_of_memory
from dl_magics.training.recipe.applications import APPLICATIONS, Application
from dl_magics.training.weights.graph import build_whole
from dl_magics.training.weights.weights import keras_cache

INDEX = "imagenet_class_index.json"
_CLASSES = 1000
_BATCH = 16


def name_images(recipe: Mapping[str, Any], paths: Sequence[Path]) -> tuple[list[str], str]:
    """Return the name of the ImageNet class of each image, and why there are none.

    Both are empty where the network of a run was not trained on ImageNet by Keras.
    """
    application = APPLICATIONS.get(str(recipe.get("model")))
    if not application or recipe.get("weights", "imagenet") != "imagenet":
        return [], ""
    files = find_file(application), keras_cache() / INDEX
    missing = [each.name for each in files if not each.is_file()]
    if missing:
        return [], (
            f"The ImageNet classes of the images are left out: Keras' cache has no "
            f"{' and no '.join(missing)}. These download them: import keras, numpy; "
            f"keras.applications.{application.name}(); keras.applications.imagenet_utils."
            f"decode_predictions(numpy.zeros((1, {_CLASSES})))"
        )
    try:
        names = _read_names(files[1])
        network = build_whole(application)
        network.load_weights(files[0])
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = (str(error).splitlines() or [""])[0]
        return [], f"The ImageNet classes of the images are left out: {first:.200}"
    return [names[each] for each in _predict(network, application, paths)], ""


def find_file(application: Application) -> Path:
    """Return where Keras keeps the weights of a network with its top."""
    return keras_cache() / re.sub(r"_no_?top(_v2)?", "", application.file)


def _read_names(file: Path) -> list[str]:
    index = json.loads(file.read_text("utf-8"))
    return [str(index[str(n)][1]).replace("_", " ") for n in range(_CLASSES)]


def _predict(network: Any, application: Application, paths: Sequence[Path]) -> list[int]:
    scaling = SCALES[application.preprocessing]
    found: list[int] = []
    with translating_out_of_memory(), device.hide_retracing_warnings():
        for at in range(0, len(paths), _BATCH):
            pixels = np.stack(
                [
                    images.decode(each.read_bytes(), application.size)
                    for each in paths[at : at + _BATCH]
                ]
            ).astype(np.float32)
            if scaling:
                pixels = pixels[..., ::-1] if scaling.is_bgr else pixels
                pixels = pixels * np.float32(scaling.scale) + np.float32(scaling.offset)
            found += np.asarray(network.predict_on_batch(pixels)).argmax(1).tolist()
    return found

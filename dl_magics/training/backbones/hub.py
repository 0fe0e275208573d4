"""Load an image backbone of KerasHub, with the preprocessing of its preset."""

from __future__ import annotations

import importlib
import importlib.util
import os
import zipfile
from pathlib import Path
from typing import Any

from dl_magics.errors import NotInstalled, WeightsNotFound
from dl_magics.training.backbones.backbone import Backbone, Scaling
from dl_magics.training.recipe.hub_presets import PAGES, HubPreset

PACKAGE = "keras_hub"


def require_installed(what: str) -> None:
    """Raise NotInstalled where this interpreter has no KerasHub; `what` needs it."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise NotInstalled(
            f"{what} needs KerasHub, which is not installed.",
            fix="%pip install keras-hub · for the GPU kernel: %%gpu, then %pip install keras-hub",
        )


def import_for(file: Path) -> None:
    """Import KerasHub where a `.keras` file uses it, so that Keras knows its classes."""
    with zipfile.ZipFile(file) as archive:
        uses_hub = f"{PACKAGE}.src".encode() in archive.read("config.json")
    if uses_hub:
        require_installed(f"{file.name} in {file.parent}")
        importlib.import_module(PACKAGE)


def is_kept(preset: HubPreset) -> bool:
    """Return whether the weights of a preset are in the cache of kagglehub."""
    given = os.environ.get("KAGGLEHUB_CACHE")
    cache = Path(given) if given else Path.home() / ".cache" / "kagglehub"
    folder = cache / "models" / "keras" / preset.page / "keras" / preset.name
    return any(folder.glob("*/model.weights.*"))


def load_preset(preset: HubPreset, size: int, weights: str | None) -> Backbone:
    """Return a backbone for images of `size` pixels; it is downloaded if it is not kept.

    `weights` is "imagenet" for those of the preset, None for random ones, or a file.

    Raises
    ------
    NotInstalled
        where KerasHub is not installed.
    WeightsNotFound
        where it can be neither found nor downloaded.
    """
    require_installed(f"model = {preset.name!r}")
    hub = importlib.import_module(PACKAGE)
    architecture = preset.architecture
    shape = {architecture.shape_name: (size, size, 3)} if architecture.step else {}
    try:
        network = hub.models.Backbone.from_preset(
            preset.name, load_weights=weights == "imagenet", **shape
        )
        converter = hub.layers.ImageConverter.from_preset(preset.name)
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsNotFound(
            f"{preset.name} cannot be loaded or downloaded by KerasHub: {reason:.200}",
            fix=f"Check the network · where the license must be accepted: {PAGES}/{preset.page}, "
            "then put your API token into ~/.kaggle/kaggle.json",
        ) from error
    network = getattr(network, "vision_encoder", network)
    if weights not in (None, "imagenet"):
        network.load_weights(weights)
    prefix = architecture.prefix + int(getattr(network, "num_register_tokens", 0))
    given = network.input
    return Backbone(
        network,
        _read_scaling(converter),
        prefix,
        next(iter(given)) if isinstance(given, dict) else "",
    )


def copy_network(network: Any) -> Any:
    """Return a network of the same graph in the current dtype policy, with random weights."""
    import keras

    policy = keras.config.dtype_policy()
    config = network.get_config()
    return type(network).from_config({**config, "dtype": policy})


def _read_scaling(converter: Any) -> Scaling | None:
    if converter.scale is None and converter.offset is None:
        return None
    scale = 1.0 if converter.scale is None else converter.scale
    return Scaling(scale, 0.0 if converter.offset is None else converter.offset)

"""Presets of KerasHub as a download leaves them on disk, but small and with random weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DINO = "dinov2_small"
DINO_3 = "dinov3_vit_small_lvd1689m"
SIGLIP = "siglip2_base_patch16_224"
VIT = "vit_base_patch16_224_imagenet"
DEIT = "deit_tiny_distilled_patch16_224_imagenet"
SWIN = "swin_tiny_patch4_window7_224"
RESNET = "resnet_18_imagenet"
EFFICIENTNET = "efficientnet_b0_ra_imagenet"
CSPNET = "darknet_53_imagenet"

_WIDTH, _DEPTH = 16, 2
_TRANSFORMER = {"num_layers": _DEPTH, "num_heads": 2, "hidden_dim": _WIDTH}
# Mean and deviation of ImageNet for one, other numbers for others, so that a mix-up is seen.
_IMAGENET = {"scale": [0.017, 0.0175, 0.0174], "offset": [-2.118, -2.036, -1.804]}


def _build_all(models: Any, siglip: Any) -> dict[str, tuple[Callable[[], Any], dict[str, Any]]]:
    size = (224, 224, 3)
    return {
        DINO: (
            lambda: models.DINOV2Backbone(
                14,
                intermediate_dim=32,
                image_shape=(56, 56, 3),
                position_embedding_shape=(70, 70),
                num_register_tokens=2,
                **_TRANSFORMER,
            ),
            _IMAGENET,
        ),
        DINO_3: (
            lambda: models.DINOV3Backbone(
                16, intermediate_dim=32, image_shape=(64, 64, 3), **_TRANSFORMER
            ),
            {"scale": 1 / 255},
        ),
        SIGLIP: (
            lambda: models.SigLIPBackbone(
                siglip.SigLIPVisionEncoder(
                    56, _WIDTH, _DEPTH, 2, 32, image_shape=size, name="vision"
                ),
                siglip.SigLIPTextEncoder(
                    10, _WIDTH, _WIDTH, _DEPTH, 2, 32, max_sequence_length=4, name="text"
                ),
            ),
            {"scale": 1 / 127.5, "offset": -1.0},
        ),
        VIT: (
            lambda: models.ViTBackbone(size, 56, mlp_dim=32, **_TRANSFORMER),
            {"scale": 1 / 127.5, "offset": -1},
        ),
        DEIT: (
            lambda: models.DeiTBackbone(size, 56, intermediate_dim=32, **_TRANSFORMER),
            _IMAGENET,
        ),
        SWIN: (
            lambda: models.SwinTransformerBackbone(size, 8, [1, 1], [2, 2], 7, patch_size=16),
            _IMAGENET,
        ),
        RESNET: (
            lambda: models.ResNetBackbone(
                [64], [7], [64], [1], [1], "basic_block", image_shape=(None, None, 3)
            ),
            _IMAGENET,
        ),
        EFFICIENTNET: (
            lambda: models.EfficientNetBackbone(
                stackwise_kernel_sizes=[3],
                stackwise_num_repeats=[1],
                stackwise_input_filters=[8],
                stackwise_output_filters=[8],
                stackwise_expansion_ratios=[1],
                stackwise_strides=[2],
                stackwise_block_types=["v1"],
                stackwise_squeeze_and_excite_ratios=[0.25],
                stackwise_width_coefficients=[1.0],
                stackwise_depth_coefficients=[1.0],
            ),
            {"scale": 1 / 255},
        ),
        CSPNET: (
            lambda: models.CSPNetBackbone(
                8, 3, 1, [1, 1], [2, 2], [8, 16], "dark_block", stage_type="dark"
            ),
            _IMAGENET,
        ),
    }


def fill(cache: Path) -> Path:
    """Save all presets below a folder for kagglehub; return it."""
    import keras_hub
    from keras_hub.src.models.siglip import siglip_text_encoder, siglip_vision_encoder
    from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

    encoders = SimpleNamespace(
        SigLIPTextEncoder=siglip_text_encoder.SigLIPTextEncoder,
        SigLIPVisionEncoder=siglip_vision_encoder.SigLIPVisionEncoder,
    )
    for name, (build, converting) in _build_all(keras_hub.models, encoders).items():
        handle = BUILTIN_PRESETS[name]["kaggle_handle"].removeprefix("kaggle://")
        place, _, version = handle.rpartition("/")
        folder = cache / "models" / place / version
        network = build()
        network.save_to_preset(str(folder))
        kind = next(
            each
            for each in vars(keras_hub.layers).values()
            if getattr(each, "backbone_cls", None) is type(network)
        )
        kind(image_size=(224, 224), **converting).save_to_preset(str(folder))
        for file in folder.rglob("*"):
            marker = folder.parent / ".complete" / version / f"{file.relative_to(folder)}.complete"
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
    return cache


def copy_preset(name: str, to: Path) -> Path:
    """Copy a preset of the current cache into a new cache; return it."""
    cache = Path(os.environ["KAGGLEHUB_CACHE"])
    folder = next(cache.glob(f"models/*/*/*/{name}"))
    shutil.copytree(folder, to / folder.relative_to(cache))
    return to

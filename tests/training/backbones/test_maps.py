"""Where models on backbones of KerasHub looked: Grad-CAM where they end in a map."""

from __future__ import annotations

import numpy as np
import pytest

from dl_magics.training.engine import networks
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.recipe.recipe import check_settings
from support.backbones import hub_cache


@pytest.mark.parametrize("name", [hub_cache.RESNET, hub_cache.EFFICIENTNET])
def test_a_convolutional_backbone_has_grad_cam_maps(name, presets, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(presets))
    recipe = check_settings("photos", {"model": name, "image_size": 64, "dense": [], "heads": 1})
    frozen = networks.build_frozen(recipe, "float32", tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    head = build_head(recipe, frozen.plain.predict_on_batch(pixels), 2)
    parts = take_apart(networks.join_model(frozen, head))

    maps = GradCam(parts).draw_maps(pixels, [0, 1])

    assert maps.shape[1:] == parts.base.output_shape[1:3]
    assert np.ptp(maps, axis=(1, 2)).max() > 0

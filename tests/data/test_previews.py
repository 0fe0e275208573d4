from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from dl_magics.data import previews


def decode(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float)


def write(path, pixels):
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_a_preview_shows_the_whole_image_small(tmp_path):
    wide = np.zeros((100, 200, 3))
    wide[:, 150:] = 200
    shown = decode(previews.encode_picture(write(tmp_path / "1.png", wide), 50))

    assert shown.shape == (50, 100, 3)
    assert shown[:, 85:].mean() > 150
    assert shown[:, :65].mean() < 20


def test_an_overlay_keeps_the_colours_where_it_is_hot_and_dims_the_rest(tmp_path):
    photo = write(tmp_path / "1.png", np.full((64, 96, 3), (40, 90, 220)))
    heat = np.zeros((8, 8), np.float32)
    heat[:, :4] = 1
    shown = decode(previews.encode_overlay(photo, heat, 64))

    assert shown.shape == (64, 64, 3)
    hot, cold = shown[:, :24].mean((0, 1)), shown[:, 40:].mean((0, 1))
    assert np.ptp(cold) < 10  # gray
    assert np.ptp(hot) > 20
    assert hot.mean() > cold.mean()


def test_what_is_not_an_image_has_no_picture(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"no image")
    heat = np.zeros((8, 8), np.float32)

    assert previews.encode_picture(tmp_path / "1.jpg", 64) == ""
    assert previews.encode_overlay(tmp_path / "1.jpg", heat, 64) == ""
    assert previews.encode_overlay(tmp_path / "gone.jpg", heat, 64) == ""

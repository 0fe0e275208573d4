from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dl_magics.data.image_files import ImageFile
from dl_magics.training.crew.photos import decode_photo, pack_photo
from dl_magics.training.engine.views import View, decode_view, make_key
from support import tiny_keras

SEED = 42


@pytest.fixture
def photo(tmp_path):
    return tiny_keras.photo(tmp_path / "photo.png", "red", 1)


def view_of(path, copy):
    digest = hashlib.sha256(path.read_bytes()).digest()
    return View(ImageFile(path, 0), copy, make_key(digest, copy, SEED, None))


def pixels_of(view, size):
    data = view.file.path.read_bytes()
    return decode_view(data, size, copy=view.copy, key=view.key, gray=None, seed=SEED)


@pytest.mark.parametrize("copy", [0, 1])
@pytest.mark.parametrize(("size", "is_file"), [(16, False), (64, True)])
def test_a_worker_sees_the_pixels_of_this_computer_from_the_smaller_of_two(
    photo, copy, size, is_file
):
    view = view_of(photo, copy)
    pixels = pixels_of(view, size)

    sent = pack_photo(view, pixels, SEED, sends_files=True)

    assert sent.is_file == is_file
    assert len(sent.data) <= pixels.nbytes
    assert np.array_equal(decode_photo(sent, size, SEED), pixels)


def test_a_file_that_changed_or_that_a_worker_decodes_otherwise_is_sent_as_pixels(photo):
    view = view_of(photo, 0)
    pixels = pixels_of(view, 64)

    assert not pack_photo(view, pixels, SEED, sends_files=False).is_file
    photo.write_bytes(b"changed")
    assert not pack_photo(view, pixels, SEED, sends_files=True).is_file
    photo.unlink()
    sent = pack_photo(view, pixels, SEED, sends_files=True)

    assert np.array_equal(decode_photo(sent, 64, SEED), pixels)

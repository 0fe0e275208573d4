"""A photo as it is sent to a worker, and as the worker reads it."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import numpy as np

from dl_magics.training.crew.batches import Photo
from dl_magics.training.engine.inference.compute import Pixels
from dl_magics.training.engine.views import View, decode_view, make_key


def pack_photo(view: View, pixels: Pixels, seed: int, *, sends_files: bool) -> Photo:
    """Return an image as it is sent: its file, unchanged, where that is smaller than its pixels."""
    if sends_files:
        with suppress(OSError):
            if view.file.path.stat().st_size < pixels.nbytes:
                data = view.file.path.read_bytes()
                if make_key(hashlib.sha256(data).digest(), view.copy, seed, view.gray) == view.key:
                    return Photo(data, True, view.copy, view.key, view.gray)
    return Photo(pixels.tobytes())


def decode_photo(photo: Photo, size: int, seed: int) -> Pixels:
    """Return the pixels of an image as it was sent. Raises BrokenImage where it is damaged."""
    if not photo.is_file:
        return np.frombuffer(photo.data, np.uint8).reshape(size, size, 3)
    return decode_view(photo.data, size, copy=photo.copy, key=photo.key, gray=photo.gray, seed=seed)

"""The bytes of a batch on its way to a worker, and of its features on their way back.

A photo travels as its file where that is smaller, else as its pixels: a JPEG of 500 pixels has a
sixth of the bytes of 224 × 224 × 3, the photo of a camera twenty times as many.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.data.deep_gray import GrayRange

_LENGTH = struct.Struct(">I")
_VALUE = np.dtype("<f4")

Features = NDArray[np.float32]


class BadFeatures(ValueError):
    """What a worker sent is not the features of the batch."""


@dataclass(frozen=True, slots=True)
class Photo:
    """An image of a batch: the bytes of its file, or its pixels.

    `copy`, `key` and `gray` are those of its view: how it is augmented, and scaled.
    """

    data: bytes
    is_file: bool = False
    copy: int = 0
    key: bytes = b""
    gray: GrayRange | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The photos of a batch; `size` is that of the network's input, `seed` that of the run."""

    size: int
    seed: int
    photos: Sequence[Photo]

    def pack(self) -> bytes:
        """Return the bytes that `unpack` reads."""
        about = [
            {
                "bytes": len(each.data),
                "is_file": each.is_file,
                "copy": each.copy,
                "key": each.key.hex(),
                "gray": [each.gray.black, each.gray.white] if each.gray else None,
            }
            for each in self.photos
        ]
        header = {"size": self.size, "seed": self.seed, "photos": about}
        return _join(header, (each.data for each in self.photos))

    @classmethod
    def unpack(cls, packed: bytes) -> Batch:
        """Return the batch of `pack`."""
        header, at = _split(packed)
        photos = []
        for about in header["photos"]:
            end = at + about["bytes"]
            gray = GrayRange(*about["gray"]) if about["gray"] else None
            key = bytes.fromhex(about["key"])
            photos.append(Photo(packed[at:end], about["is_file"], about["copy"], key, gray))
            at = end
        return cls(header["size"], header["seed"], photos)


def pack_features(features: Features) -> bytes:
    """Return the bytes that `unpack_features` reads."""
    values = np.ascontiguousarray(features, _VALUE)
    return _join({"shape": list(values.shape)}, [values.tobytes()])


def pack_failure(why: str) -> bytes:
    """Return the bytes of a batch that could not be computed."""
    return _join({"failed": why[:300]}, [])


def unpack_features(packed: bytes, shape: tuple[int, ...]) -> Features:
    """Return the features that a worker sent, as a new array of this shape.

    Raises
    ------
    BadFeatures
        where they have another shape, or values that are not finite, or the worker failed.
    """
    try:
        header, at = _split(packed)
        found = header.get("shape")
    except (ValueError, struct.error, AttributeError) as error:
        raise BadFeatures("it sent something else than features") from error
    if "failed" in header:
        raise BadFeatures(f"it failed: {header['failed']!s:.300}")
    if found != list(shape) or len(packed) - at != int(np.prod(shape)) * _VALUE.itemsize:
        raise BadFeatures(f"it sent features of the shape {found!s:.60}, not {list(shape)}")
    features = np.frombuffer(packed, _VALUE, offset=at).reshape(shape).astype(np.float32)
    if not np.isfinite(features).all():
        raise BadFeatures("it sent values that are not finite")
    return features


def _join(header: Any, parts: Iterable[bytes]) -> bytes:
    text = json.dumps(header).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def _split(packed: bytes) -> tuple[dict[str, Any], int]:
    (length,) = _LENGTH.unpack_from(packed)
    end = _LENGTH.size + length
    header: dict[str, Any] = json.loads(packed[_LENGTH.size : end])
    return header, end

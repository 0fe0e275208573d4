"""An image as a run sees it, and many of them in arrays, 60 bytes each beside their names."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from dl_magics.data import augment, images
from dl_magics.data.deep_gray import GrayRange
from dl_magics.data.image_files import ImageFile, ImageFiles
from dl_magics.training.engine.features.key_index import KEY, Key, Keys, are_same
from dl_magics.training.engine.inference.compute import Pixels


@dataclass(frozen=True, slots=True)
class View:
    """An image, unchanged (`copy` 0) or augmented (`copy` from 1), and the key of its features.

    `gray` is set if it is grayscale of more than 8 bits: by which range it is scaled.
    """

    file: ImageFile
    copy: int
    key: Key
    gray: GrayRange | None = None


@dataclass(frozen=True, eq=False)
class Views(Sequence[View]):
    """Views of `files`: a `View` is made when it is read.

    `rows` are positions in `files`; `copies` and `keys` are those of each view; `gray` is that of
    the views that are `deep`.
    """

    files: ImageFiles
    rows: NDArray[np.int64]
    copies: NDArray[np.int32]
    keys: Keys
    deep: NDArray[np.bool_]
    gray: GrayRange | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> View: ...
    @overload
    def __getitem__(self, at: slice) -> Views: ...
    def __getitem__(self, at: int | slice) -> View | Views:
        if isinstance(at, slice):
            return self.select(at)
        return View(
            self.files[int(self.rows[at])],
            int(self.copies[at]),
            self.keys[at].tobytes(),
            self.gray if self.deep[at] else None,
        )

    def __iter__(self) -> Iterator[View]:
        return map(self.__getitem__, range(len(self)))

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label of each view."""
        return self.files.labels[self.rows].astype(np.int64)

    def count_images(self) -> int:
        """Return the number of images that these are views of."""
        return len(np.unique(self.rows))

    def count_copies(self) -> int:
        """Return the number of augmented copies among them."""
        return int(np.count_nonzero(self.copies))

    def select(self, chosen: Any) -> Views:
        """Return the views at a slice, or at an array of positions or of truth values."""
        return replace(
            self,
            rows=self.rows[chosen],
            copies=self.copies[chosen],
            keys=self.keys[chosen],
            deep=self.deep[chosen],
        )

    def without(self, paths: Collection[Path]) -> Views:
        """Return the views of other files than these."""
        return self.select(self.files.are_none_of(paths)[self.rows]) if paths else self

    def find_all(self, key: Key) -> Views:
        """Return the views with a key."""
        return self.select(are_same(self.keys, np.frombuffer(key, KEY)))

    def join(self, other: Views) -> Views:
        """Return these views, then those of other files below the same folder."""
        return Views(
            self.files.join(other.files),
            np.concatenate([self.rows, other.rows + len(self.files)]),
            np.concatenate([self.copies, other.copies]),
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.deep, other.deep]),
            self.gray or other.gray,
        )


def make_key(digest: bytes, copy: int, seed: int, gray: GrayRange | None) -> Key:
    """Return the key of a view of the file with this SHA-256."""
    if gray:
        digest = hashlib.sha256(digest + f"gray {gray.black} {gray.white}".encode()).digest()
    if not copy:
        return digest
    variant = f"augment {augment.VERSION} {seed} {copy}".encode()
    return hashlib.sha256(digest + variant).digest()


def decode_view(
    data: bytes, size: int, *, copy: int, key: Key, gray: GrayRange | None, seed: int
) -> Pixels:
    """Return the pixels (size, size, 3) of a view of an image file; copy 0 is not augmented.

    Raises BrokenImage, as `images.decode` does.
    """
    if not copy:
        return images.decode(data, size, gray)
    pixels = images.decode(data, augment.SCALE * size, gray)
    return augment.augment(pixels, (seed, copy, int.from_bytes(key[:4], "little")))

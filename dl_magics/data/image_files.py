"""Many image files in arrays: a million objects with their paths would take two gigabytes."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

# File names need not be valid UTF-8.
_ENCODING, _ERRORS = "utf-8", "surrogateescape"
_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file that is not read yet; `label` is an index into the classes of its folder."""

    path: Path
    label: int


class PackedNames(Sequence[str]):
    """Names in one block of memory, 12 bytes each beside their letters.

    What is selected of them shares this block.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        text, ends = bytearray(), array("q", [0])
        for name in names:
            text += name.encode(_ENCODING, _ERRORS)
            ends.append(len(text))
        self._text = bytes(text)
        limits = np.array(ends, np.int64)
        self._starts = limits[:-1]
        self._lengths = np.diff(limits).astype(np.int32)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> PackedNames: ...
    def __getitem__(self, at: int | slice) -> str | PackedNames:
        if isinstance(at, slice):
            return self.select(at)
        start = int(self._starts[at])
        return self._text[start : start + int(self._lengths[at])].decode(_ENCODING, _ERRORS)

    def __iter__(self) -> Iterator[str]:
        return (name.decode(_ENCODING, _ERRORS) for name in self.iter_encoded())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedNames) and list(self) == list(other)

    def iter_encoded(self) -> Iterator[bytes]:
        """Yield each name in UTF-8."""
        for at in range(0, len(self), _AT_ONCE):
            starts, lengths = (
                each[at : at + _AT_ONCE].tolist() for each in (self._starts, self._lengths)
            )
            for start, length in zip(starts, lengths, strict=True):
                yield self._text[start : start + length]

    def select(self, chosen: Any) -> PackedNames:
        """Return the names at a slice, or at an array of positions or of truth values."""
        found = PackedNames()
        found._text = self._text
        found._starts, found._lengths = self._starts[chosen], self._lengths[chosen]
        return found

    def join(self, other: PackedNames) -> PackedNames:
        """Return these names, then those of another."""
        found, offset = PackedNames(), 0
        if self._text is other._text:
            found._text = self._text
        else:
            found._text, offset = self._text + other._text, len(self._text)
        found._starts = np.concatenate([self._starts, other._starts + offset])
        found._lengths = np.concatenate([self._lengths, other._lengths])
        return found


@dataclass(frozen=True, eq=False, slots=True)
class ImageFiles(Sequence[ImageFile]):
    """Image files below `folder`, with the label of each: an `ImageFile` is made when it is read.

    `names` are relative to the folder, with `/`.
    """

    folder: Path
    names: PackedNames
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> ImageFile: ...
    @overload
    def __getitem__(self, at: slice) -> ImageFiles: ...
    def __getitem__(self, at: int | slice) -> ImageFile | ImageFiles:
        if isinstance(at, slice):
            return ImageFiles(self.folder, self.names[at], self.labels[at])
        return ImageFile(self.folder / self.names[at], int(self.labels[at]))

    def __iter__(self) -> Iterator[ImageFile]:
        for name, label in zip(self.names, self.labels, strict=True):
            yield ImageFile(self.folder / name, int(label))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImageFiles) and list(self) == list(other)

    def are_none_of(self, paths: Collection[Path]) -> NDArray[np.bool_]:
        """Return for each file whether it is none of `paths`, without making its path."""
        above = (self.folder / "x").as_posix()[:-1]
        gone = {path.as_posix().removeprefix(above).encode(_ENCODING, _ERRORS) for path in paths}
        return np.fromiter((name not in gone for name in self.names.iter_encoded()), np.bool_)

    def join(self, other: ImageFiles) -> ImageFiles:
        """Return these files, then those of another, below the same folder."""
        labels = np.concatenate([self.labels, other.labels])
        return ImageFiles(self.folder, self.names.join(other.names), labels)


def pack_files(files: Sequence[ImageFile]) -> ImageFiles:
    """Return the files of a list in arrays."""
    if isinstance(files, ImageFiles):
        return files
    names = PackedNames(file.path.as_posix() for file in files)
    return ImageFiles(Path(), names, np.array([file.label for file in files], np.int32))

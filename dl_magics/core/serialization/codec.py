"""What the modules of one kind of values have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any, Callable, Dict, List, NamedTuple, Tuple

# The parts of a value, which are values themselves, and what JSON keeps of it.
Parts = Tuple[List[Any], Any]
Split = Callable[[Any], Parts]
Join = Callable[[List[Any], Any], Any]


class UnsupportedType(Exception):
    """A value cannot be sent; the message names its type."""


class Member(NamedTuple):
    """A part that is a file of its own: `write` fills it. When it is read, it is an open file."""

    write: Callable[[IO[bytes]], None]


class Codec(NamedTuple):
    """Takes values of one type apart and puts them together again."""

    split: Split
    join: Join


Codecs = Dict[str, Codec]


def pair(one: Iterable[Any], other: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Return the pairs of two sequences of one length."""
    # `zip` has no `strict` before Python 3.10.
    return zip(one, other)


def name_type(value: Any) -> str:
    """Return the library and the name of a value's type, such as `numpy.ndarray`.

    The modules inside a library change with its version.
    """
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"

"""Values of Python itself."""

from __future__ import annotations

import base64
import collections
import os
import pathlib
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import IO, Any

from dl_magics.core.serialization.codec import Codec, Codecs, Member, Parts, UnsupportedType, pair

_INLINE_BYTES = 4096
# What JSON parsers agree on; also in reach of Python's limit for the digits of an integer.
INLINE_INTEGERS = range(-(2**63), 2**63)
_FACTORIES: dict[str, Any] = {
    each.__name__: each
    for each in (list, dict, set, frozenset, tuple, int, float, complex, str, bytes, bool)
}
_PATHS: dict[str, Any] = {
    "PosixPath": pathlib.PurePosixPath if os.name == "nt" else pathlib.Path,
    "WindowsPath": pathlib.Path if os.name == "nt" else pathlib.PureWindowsPath,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}


def _flatten(pairs: Mapping[Any, Any]) -> list[Any]:
    return [each for pair in pairs.items() for each in pair]


def _split_integer(value: int) -> Parts:
    # Hexadecimal: the decimal digits that Python reads and writes are limited.
    return [], hex(value)


def _split_text(value: str) -> Parts:
    return [], base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def _join_text(_: list[Any], data: str) -> str:
    return base64.b64decode(data).decode("utf-8", "surrogatepass")


def _split_bytes(value: bytes) -> Parts:
    if len(value) <= _INLINE_BYTES:
        return [], base64.b64encode(value).decode()

    def write(file: IO[bytes]) -> None:
        file.write(value)

    return [Member(write)], None


def _join_bytes(parts: list[Any], data: Any) -> bytes:
    content: bytes = parts[0].read() if parts else base64.b64decode(data)
    return content


def _split_default_dict(value: Any) -> Parts:
    factory = value.default_factory
    name = getattr(factory, "__name__", "")
    if factory is not None and _FACTORIES.get(name) is not factory:
        raise UnsupportedType("defaultdict with a factory of its own")
    return _flatten(value), name


def _join_default_dict(parts: list[Any], name: str) -> Any:
    return collections.defaultdict(
        _FACTORIES[name] if name else None, pair(parts[::2], parts[1::2])
    )


def _path(kind: str) -> Codec:
    return Codec(lambda value: ([], str(value)), lambda _, text: _PATHS[kind](text))


def _sequence(kind: Callable[[list[Any]], Any]) -> Codec:
    return Codec(lambda value: ([*value], None), lambda parts, _: kind(parts))


def is_named_tuple(value: Any) -> bool:
    """Whether the class of a value was made by `namedtuple` in a notebook."""
    kind = type(value)
    return kind.__bases__ == (tuple,) and hasattr(kind, "_fields") and kind.__module__ == "__main__"


def split_named_tuple(value: Any) -> Parts:
    """Take a named tuple apart: its values, the name of its class and those of its fields."""
    return [*value], [type(value).__name__, [*value._fields]]


def join_named_tuple(names: Mapping[str, Any], parts: list[Any], data: Any) -> Any:
    """Return a named tuple, of the class in `names` that is the same, else of a new one."""
    name, fields = data
    kind = names.get(name)
    if (
        not (isinstance(kind, type) and issubclass(kind, tuple))
        or [*getattr(kind, "_fields", ())] != fields
    ):
        build: Any = collections.namedtuple
        kind = build(name, fields, module="__main__")
    if len(fields) != len(parts):
        raise ValueError(f"{name} has {len(fields)} fields")
    return tuple.__new__(kind, parts)


CODECS: Codecs = {
    "builtins.int": Codec(_split_integer, lambda _, data: int(data, 16)),
    "builtins.str": Codec(_split_text, _join_text),
    "builtins.bytes": Codec(_split_bytes, _join_bytes),
    "builtins.bytearray": Codec(
        lambda value: _split_bytes(bytes(value)),
        lambda parts, data: bytearray(_join_bytes(parts, data)),
    ),
    "builtins.complex": Codec(
        lambda value: ([value.real, value.imag], None), lambda parts, _: complex(*parts)
    ),
    "builtins.list": _sequence(list),
    "builtins.tuple": _sequence(tuple),
    "builtins.set": _sequence(set),
    "builtins.frozenset": _sequence(frozenset),
    "builtins.dict": Codec(
        lambda value: (_flatten(value), None), lambda parts, _: dict(pair(parts[::2], parts[1::2]))
    ),
    "builtins.range": Codec(
        lambda value: ([value.start, value.stop, value.step], None), lambda parts, _: range(*parts)
    ),
    "builtins.slice": Codec(
        lambda value: ([value.start, value.stop, value.step], None), lambda parts, _: slice(*parts)
    ),
    "builtins.ellipsis": Codec(lambda _: ([], None), lambda *_: ...),
    "collections.OrderedDict": Codec(
        lambda value: (_flatten(value), None),
        lambda parts, _: collections.OrderedDict(pair(parts[::2], parts[1::2])),
    ),
    "collections.Counter": Codec(
        lambda value: (_flatten(value), None),
        lambda parts, _: collections.Counter(dict(pair(parts[::2], parts[1::2]))),
    ),
    "collections.defaultdict": Codec(_split_default_dict, _join_default_dict),
    "collections.deque": Codec(
        lambda value: ([*value], value.maxlen),
        lambda parts, data: collections.deque(parts, maxlen=data),
    ),
    "decimal.Decimal": Codec(lambda value: ([], str(value)), lambda _, text: Decimal(text)),
    "fractions.Fraction": Codec(
        lambda value: ([value.numerator, value.denominator], None),
        lambda parts, _: Fraction(*parts),
    ),
    "uuid.UUID": Codec(lambda value: ([], value.hex), lambda _, text: uuid.UUID(text)),
    **{f"pathlib.{kind}": _path(kind) for kind in _PATHS},
}

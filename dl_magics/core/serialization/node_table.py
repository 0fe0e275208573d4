"""A table of values: each row has the kind of a value and where its parts are.

Rows refer to earlier rows only, so a table has no circles. It is built and read without recursion:
a list may be nested as deeply as `MAX_DEPTH`, and what two containers share stays shared.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import partial
from typing import Any

from dl_magics.core.serialization import arrays, columns, dates, plain, tables, tensors
from dl_magics.core.serialization.codec import Codecs, Member, UnsupportedType, name_type

MAX_DEPTH = 10_000
"""Python's own functions for deeper values, such as `hash`, overflow the stack."""

CODECS: Codecs = {
    **plain.CODECS,
    **dates.CODECS,
    **arrays.CODECS,
    **tables.CODECS,
    **columns.CODECS,
    **tensors.CODECS,
}
_NAMED_TUPLE = "namedtuple"
_MEMBER = "member"
_WITH_MEMBERS = ("numpy.ndarray", "builtins.bytes", "builtins.bytearray")


def _find_kind(value: Any) -> str:
    kind = name_type(value)
    if kind in CODECS and kind != "numpy.scalar":
        return kind
    if plain.is_named_tuple(value):
        return _NAMED_TUPLE
    if arrays.is_scalar(value):
        return "numpy.scalar"
    if dates.is_pytz_zone(value):
        return "zoneinfo.ZoneInfo"
    raise UnsupportedType(f"{type(value).__module__}.{type(value).__qualname__}")


class _Unfinished:
    """A value whose parts are being written."""

    def __init__(self, parts: list[Any], row: list[Any] | None = None, key: int = 0) -> None:
        self.parts = parts
        self.row = row
        self.key = key
        self.cells: list[Any] = []


class TableWriter:
    """Adds values to the rows of a table, and their members to a zip."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.rows: list[list[Any]] = []
        self._file = file
        self._known: dict[int, int] = {}
        self._inside: set[int] = set()
        # While a value lives, no other one has its `id`.
        self._kept: list[Any] = []

    def add(self, value: Any) -> Any:
        """Add a value and return its cell: the value itself, or where it is.

        Raises
        ------
        UnsupportedType
            where the value or a part of it cannot be sent.
        """
        root = _Unfinished([value])
        waiting = [root]
        self._inside.clear()
        while waiting:
            last = waiting[-1]
            while len(last.cells) < len(last.parts):
                part = last.parts[len(last.cells)]
                cell = self._find_cell(part)
                if cell is None:
                    waiting.append(self._open(part))
                    break
                last.cells.append(cell[0])
            else:
                waiting.pop()
                if waiting:
                    waiting[-1].cells.append(self._close(last))
            if len(waiting) > MAX_DEPTH:
                raise UnsupportedType(f"value that is nested more than {MAX_DEPTH:,} levels deep")
        return root.cells[0]

    def _find_cell(self, value: Any) -> list[Any] | None:
        """Return the cell of a value in a list of one, or None for one that needs a row."""
        kind = type(value)
        if value is None or kind in (bool, float) or (kind is str and _is_unicode(value)):
            return [value]
        if kind is int and value in plain.INLINE_INTEGERS:
            return [value]
        if kind is Member:
            return [{_MEMBER: self._write(value)}]
        row = self._known.get(id(value))
        return None if row is None else [[row]]

    def _open(self, value: Any) -> _Unfinished:
        kind = _find_kind(value)
        if id(value) in self._inside:
            raise UnsupportedType("value that contains itself")
        split = plain.split_named_tuple if kind == _NAMED_TUPLE else CODECS[kind].split
        parts, data = split(value)
        self._inside.add(id(value))
        self._kept.append(value)
        return _Unfinished(parts, [kind, data], id(value))

    def _close(self, done: _Unfinished) -> list[int]:
        assert done.row
        self.rows.append([*done.row, done.cells])
        self._inside.discard(done.key)
        self._known[done.key] = len(self.rows) - 1
        return [len(self.rows) - 1]

    def _write(self, member: Member) -> str:
        name = f"{len(self._file.namelist())}.bin"
        with self._file.open(name, "w", force_zip64=True) as file:
            member.write(file)
        return name


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, two of which JSON takes for one character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_table(file: zipfile.ZipFile, rows: list[Any], names: Mapping[str, Any]) -> TableReader:
    """Return the reader of a table whose rows are all read."""
    reader = TableReader(file, names)
    for kind, data, cells in rows:
        reader.add(kind, data, cells)
    return reader


class TableReader:
    """Reads values from the rows of a table and the members of a zip."""

    def __init__(self, file: zipfile.ZipFile, names: Mapping[str, Any]) -> None:
        self._file = file
        self._joins = {kind: codec.join for kind, codec in CODECS.items()}
        self._joins[_NAMED_TUPLE] = partial(plain.join_named_tuple, names)
        self._values: list[Any] = []
        self._depths: list[int] = []

    def add(self, kind: str, data: Any, cells: list[Any]) -> None:
        """Read the next row."""
        below = [self._depths[cell[0]] for cell in cells if isinstance(cell, list)]
        depth = 1 + max(below, default=0)
        if depth > MAX_DEPTH:
            raise ValueError(f"a value is nested more than {MAX_DEPTH:,} levels deep")
        parts = [self._get_part(kind, cell) for cell in cells]
        self._values.append(self._joins[kind](parts, data))
        self._depths.append(depth)

    def _get_part(self, kind: str, cell: Any) -> Any:
        if isinstance(cell, dict) and kind in _WITH_MEMBERS:
            return self._file.open(cell[_MEMBER])
        return self.get(cell)

    def get(self, cell: Any) -> Any:
        """Return the value of a cell."""
        if isinstance(cell, list):
            (row,) = cell
            if row < 0:
                raise ValueError("a negative row")
            return self._values[row]
        if isinstance(cell, dict):
            raise TypeError("a file where a value is expected")
        return cell

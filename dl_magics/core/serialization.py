"""Send values to the GPU kernel and back: plain values, NumPy arrays, pandas frames.

A file is a zip of one JSON tree and the arrays as .npy files. Unlike a pickle, reading it never
runs code. The GPU kernel uses the same module.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dl_magics.errors import BadValue

_TREE = "values.json"
_TAG = "="


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Write named values into one file.

    Raises
    ------
    BadValue
        if a value has an unsupported type; the message has its name.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        tree = {}
        for name, value in values.items():
            try:
                tree[name] = _Writer(file)(value)
            except _UnsupportedType as error:
                raise BadValue(
                    f"{name} is or contains a {error}; only plain values, NumPy arrays and pandas "
                    "frames can be sent to the GPU kernel and back.",
                    fix="Save it to a file and %sync that, or send its parts.",
                ) from None
        file.writestr(_TREE, json.dumps(tree))


def read_values(path: Path) -> dict[str, Any]:
    """Return {name: value} of a file that `write_values` wrote."""
    with zipfile.ZipFile(path) as file:
        read_one = _Reader(file)
        return {name: read_one(node) for name, node in json.loads(file.read(_TREE)).items()}


class _UnsupportedType(Exception):
    """A value cannot be serialized; the message is its type."""


class _Writer:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._inside: set[int] = set()

    def __call__(self, value: Any) -> Any:
        if value is None or type(value) in (bool, str, int):
            return value
        if type(value) is float:
            return {_TAG: "float", "v": value.hex()}
        if type(value) in (bytes, bytearray):
            return {_TAG: type(value).__name__, "v": base64.b64encode(value).decode()}
        if id(value) in self._inside:
            raise _UnsupportedType("value that contains itself")
        self._inside.add(id(value))
        try:
            return self._compound(value)
        finally:
            self._inside.discard(id(value))

    def _compound(self, value: Any) -> Any:
        if type(value) is list:
            return [self(each) for each in value]
        if type(value) in (tuple, set, frozenset):
            return {_TAG: type(value).__name__, "v": [self(each) for each in value]}
        if type(value) is dict:
            return {_TAG: "dict", "v": [[self(key), self(each)] for key, each in value.items()]}
        kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        if kind == "numpy.ndarray" or (kind.startswith("numpy.") and hasattr(value, "dtype")):
            return self._array(value, scalar=kind != "numpy.ndarray")
        if kind in ("pandas.DataFrame", "pandas.Series"):
            return self._frame(value, type(value).__name__)
        raise _UnsupportedType(f"{type(value).__module__}.{type(value).__qualname__}")

    def _array(self, value: Any, scalar: bool = False) -> Any:
        import numpy as np

        array = np.asarray(value)
        if array.dtype.hasobject:
            raise _UnsupportedType("NumPy array of objects")
        name = f"{len(self._file.namelist())}.npy"
        with self._file.open(name, "w", force_zip64=True) as member:
            np.save(member, array, allow_pickle=False)
        return {_TAG: "scalar" if scalar else "array", "v": name}

    def _frame(self, frame: Any, kind: str) -> Any:
        series = kind == "Series"
        columns = [frame] if series else [frame.iloc[:, n] for n in range(frame.shape[1])]
        return {
            _TAG: kind,
            "columns": [self._column(column) for column in columns],
            "index": self._labels(frame.index),
            "labels": self(frame.name) if series else self._labels(frame.columns),
        }

    def _labels(self, index: Any) -> Any:
        names = self(list(index.names))
        if index.nlevels > 1:
            return {"names": names, "tuples": self(index.tolist())}
        return {"names": names, **self._column(index)}

    def _column(self, column: Any) -> Any:
        """Write a column as an array if it has a NumPy dtype, else value by value."""
        import numpy as np

        if isinstance(column.dtype, np.dtype) and not column.dtype.hasobject:
            return {"v": self._array(column.to_numpy()), "dtype": str(column.dtype)}
        if column.dtype.kind == "O" and str(column.dtype) != "category":
            # Not `zip`: it has no `strict` before Python 3.10.
            plain = map(lambda each, missing: None if missing else each, column, column.isna())
            return {"v": self(list(plain)), "dtype": str(column.dtype)}
        raise _UnsupportedType(f"pandas column of {column.dtype}")


class _Reader:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def __call__(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self(each) for each in node]
        if not isinstance(node, dict):
            return node
        kind = node[_TAG]
        if kind in ("DataFrame", "Series"):
            return self._frame(node, kind)
        return _PLAIN[kind](self, node["v"])

    def many(self, nodes: list[Any]) -> list[Any]:
        return [self(each) for each in nodes]

    def array(self, name: str) -> Any:
        import numpy as np

        return np.load(io.BytesIO(self._file.read(name)), allow_pickle=False)

    def _frame(self, node: Mapping[str, Any], kind: str) -> Any:
        import pandas as pd

        columns = [self._column(column) for column in node["columns"]]
        index = self._labels(node["index"])
        if kind == "Series":
            return pd.Series(columns[0].array, index=index, name=self(node["labels"]))
        frame = pd.DataFrame({n: column.array for n, column in enumerate(columns)}, index=index)
        frame.columns = self._labels(node["labels"])
        return frame

    def _labels(self, node: Mapping[str, Any]) -> Any:
        import pandas as pd

        names = self(node["names"])
        if "tuples" in node:
            return pd.MultiIndex.from_tuples(self(node["tuples"]), names=names)
        return pd.Index(self._column(node), name=names[0])

    def _column(self, column: Mapping[str, Any]) -> Any:
        import pandas as pd

        return pd.Series(self(column["v"]), dtype=column["dtype"])


_PLAIN: dict[str, Callable[[_Reader, Any], Any]] = {
    "float": lambda _, text: float.fromhex(text),
    "bytes": lambda _, text: base64.b64decode(text),
    "bytearray": lambda _, text: bytearray(base64.b64decode(text)),
    "tuple": lambda reader, nodes: tuple(reader.many(nodes)),
    "set": lambda reader, nodes: set(reader.many(nodes)),
    "frozenset": lambda reader, nodes: frozenset(reader.many(nodes)),
    "dict": lambda reader, pairs: {reader(key): reader(each) for key, each in pairs},
    "array": lambda reader, name: reader.array(name),
    "scalar": lambda reader, name: reader.array(name)[()],
}


def load_into_namespace(namespace: dict[str, Any], path: str) -> None:
    """Update a namespace with the values of a file, and delete the file."""
    namespace.update(read_values(Path(path)))
    Path(path).unlink()


def save_from_namespace(namespace: Mapping[str, Any], names: list[str], path: str) -> None:
    """Write the named values of a namespace into a file; `~` is expanded."""
    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_values(file, select_values(namespace, names))


def select_values(namespace: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return {name: value} of these names; raise BadValue if one is not defined."""
    missing = [name for name in names if name not in namespace]
    if missing:
        raise BadValue(
            f"{', '.join(missing)} is not defined.", fix="First run the cell that defines it."
        )
    return {name: namespace[name] for name in names}

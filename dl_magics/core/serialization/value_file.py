"""Write named values into a file, and read them from one that another computer wrote."""

from __future__ import annotations

import json
import os
import struct
import tokenize
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dl_magics.core.serialization import names, node_table
from dl_magics.core.serialization.codec import UnsupportedType
from dl_magics.errors import BadValue, DLMagicsError, NotInstalled

_TREE = "values.json"
# What parsing raises for a file that is damaged, or made to do harm.
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
)


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Write named values into one file.

    Raises
    ------
    BadValue
        if a value has an unsupported type; the message has its name.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        writer = node_table.TableWriter(file)
        cells = {name: _add(writer, name, value) for name, value in values.items()}
        file.writestr(_TREE, json.dumps({"rows": writer.rows, "names": cells}))


def _add(writer: node_table.TableWriter, name: str, value: Any) -> Any:
    try:
        return writer.add(value)
    except UnsupportedType as error:
        raise BadValue(
            f"{name} is or contains a {error}; only plain values, NumPy arrays, pandas data and "
            "tensors can be sent to the GPU kernel and back.",
            fix="Save it to a file and %sync that, or send its parts.",
        ) from None


def read_values(path: Path, wanted: Sequence[str], classes: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: value} of a file that `write_values` wrote on another computer.

    Parameters
    ----------
    path
        The file.
    wanted
        The names that must be in it; it may have no others.
    classes
        The namespace in which the classes of named tuples are looked up.

    Raises
    ------
    BadValue
        where the file is damaged or has other names.
    NotInstalled
        where a value needs a library that this side lacks.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if any(member.compress_type != zipfile.ZIP_STORED for member in file.infolist()):
                raise ValueError("a compressed member")
            table = json.loads(file.read(_TREE))
            found = table["names"]
            _check_names(list(found), wanted)
            reader = node_table.read_table(file, table["rows"], classes)
            return {name: reader.get(found[name]) for name in wanted}
    except DLMagicsError:
        raise
    except UnsupportedType as error:
        raise BadValue(f"{', '.join(wanted)}: {error}.", fix="Convert it first.") from error
    except ImportError as error:
        library = error.name or "a library"
        raise NotInstalled(
            f"{', '.join(wanted)} cannot be received: {library} is not installed on this side.",
            fix=f"Install {library} here, or convert the value to a NumPy array or a list first.",
        ) from error
    except _DAMAGED as error:
        raise BadValue(
            f"What arrived for {', '.join(wanted)} is damaged: {_describe(error)}.",
            fix="Run the cell again · if it persists: %gpu_restart",
        ) from error


def _check_names(found: list[str], wanted: Sequence[str]) -> None:
    if {*found} != {*wanted}:
        raise BadValue(
            f"Asked for {', '.join(wanted)}, but {', '.join(map(repr, found))[:100] or 'nothing'} "
            "arrived; nothing was assigned.",
            fix="Code in the GPU kernel has changed what it returns: %gpu_restart",
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def load_into_namespace(namespace: dict[str, Any], path: str, wanted: list[str]) -> None:
    """Update a namespace with the values of a file, and delete the file."""
    namespace.update(read_values(Path(path), wanted, namespace))
    Path(path).unlink()


def save_from_namespace(namespace: Mapping[str, Any], wanted: list[str], path: str) -> None:
    """Write the named values of a namespace into a file; `~` is expanded."""
    file = Path(path).expanduser()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(str(file), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    write_values(file, names.select_values(namespace, wanted))

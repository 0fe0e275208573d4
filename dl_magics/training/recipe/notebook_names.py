"""The names that a cell uses, and the values of the notebook that it may use."""

from __future__ import annotations

import builtins
import symtable
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def find_free_names(code: str) -> list[str]:
    """Return the free names of code, without Python's builtins."""
    module = symtable.symtable(code, "<%%finetune>", "exec")
    bound = {
        each.get_name() for each in module.get_symbols() if each.is_assigned() or each.is_imported()
    }
    used = {
        each.get_name()
        for table in _tables(module)
        for each in table.get_symbols()
        if each.is_global() and each.is_referenced()
    }
    return sorted(name for name in used - bound if not hasattr(builtins, name))


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from _tables(inner)


def to_native(value: Any) -> Any:
    """Convert scalars of NumPy, Keras and its backends, and paths, to built-in types."""
    if hasattr(value, "__fspath__"):
        return str(value)
    if getattr(value, "shape", None) != ():
        return value
    # Variables of Keras and tensors of TensorFlow have no `item`, but NumPy's protocol; a tensor
    # without a value raises any error.
    with suppress(Exception):
        return (value if hasattr(value, "item") else value.__array__()).item()
    return value


def is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text, None, or a list or dict of such values."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    if isinstance(value, (list, tuple)):
        return all(is_plain(each) for each in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(each) for key, each in value.items())
    return False

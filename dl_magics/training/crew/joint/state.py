"""The variables of a network as bytes, in an order that all processes have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.training.engine.heads.learned import list_changing

Arrays = list[NDArray[Any]]


def list_all(model: Any) -> list[Any]:
    """Return all variables of a compiled network and its optimizer."""
    return [*model.variables, *model.optimizer.variables]


def list_trained(model: Any) -> list[Any]:
    """Return those that training changes."""
    return [*list_changing(model, model.variables), *model.optimizer.variables]


def pack(variables: Iterable[Any]) -> bytes:
    """Return the values of variables, of which each process has all."""
    values = map(_read, variables)
    return b"".join(each.astype(_choose_sent(each.dtype)).tobytes() for each in values)


def unpack(variables: Sequence[Any], packed: bytes) -> Arrays:
    """Return the values of `pack` in the shapes and types of variables."""
    values, at = [], 0
    for each in make_zeros(variables):
        sent = _choose_sent(each.dtype)
        value = np.frombuffer(packed, sent, each.size, at)
        values.append(value.reshape(each.shape).astype(each.dtype))
        at += value.nbytes
    if at != len(packed):
        raise ValueError(f"{len(packed)} bytes of variables, not {at}")
    return values


def make_zeros(variables: Iterable[Any]) -> Arrays:
    """Return arrays of the shapes and types of variables."""
    return [np.zeros(tuple(each.shape), each.dtype) for each in variables]


def _choose_sent(type_: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which values are sent: backends count steps in integers of their own."""
    return np.dtype("<i8") if type_.kind in "iu" else type_


def _read(variable: Any) -> NDArray[Any]:
    value = getattr(variable, "value", variable)
    if hasattr(value, "addressable_data"):
        return np.asarray(value.addressable_data(0))
    from keras import ops

    return np.asarray(ops.convert_to_numpy(value))

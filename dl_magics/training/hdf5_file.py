"""Check what an HDF5 file of weights holds before Keras reads it: arrays of numbers only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dl_magics.training.model_archive import find_objects
from dl_magics.training.model_classes import KERAS_1, allowed_classes

_MOST_OBJECTS = 100_000
# Keras 1 looks these up among all names of its modules, or calls them.
_KERAS_1_NAMES = {"activation": {"linear", "relu", "softmax"}, "init": {"glorot_uniform"}}
_KERAS_1_CALLS = ("_regularizer", "_constraint")


def find_problem(file: Any, size: int) -> str:
    """Return why the weights in a file of `size` bytes are not read, or "" if they can be.

    A link may lead to another file, and a small file may declare an array that fills the memory.
    """
    import h5py

    declared = count = 0
    seen = set()
    with h5py.File(file, "r") as opened:
        waiting = [opened["/"]]
        while waiting:
            group = waiting.pop()
            for name in group:
                count += 1
                if count > _MOST_OBJECTS:
                    return f"its weights have more than {_MOST_OBJECTS:,} parts"
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    return f"its weights hold the link {name!r:.60}"
                each = group[name]
                address = h5py.h5o.get_info(each.id).addr
                if isinstance(each, h5py.Group) and address not in seen:
                    waiting.append(each)
                elif isinstance(each, h5py.Dataset):
                    if each.external or each.is_virtual or each.dtype.kind not in "fiub":
                        return f"{name!r:.60} in its weights is not an array of numbers in it"
                    declared += each.nbytes
                seen.add(address)
    return "its weights claim to hold more bytes than it has" if declared > size else ""


def find_keras_1_problem(file: Any, size: int) -> str:
    """Return why a model of Keras 1 is not loaded, or "" if `theano/keras1` may have written it."""
    import h5py

    if problem := find_problem(file, size):
        return problem
    with h5py.File(file, "r") as opened:
        if foreign := set(opened.attrs) - {"keras_version", "model_config"}:
            return f"it has the attribute {min(foreign)!r:.60}"
        config = json.loads(opened.attrs["model_config"])
    return next(_foreign_values(config), "")


def _foreign_values(config: Any) -> Iterator[str]:
    for each in find_objects(config):
        if each["class_name"] not in list(allowed_classes(KERAS_1)):
            yield f"it uses {each['class_name']!r:.60}"
        for name, value in dict(each.get("config") or {}).items():
            is_name = value in list(_KERAS_1_NAMES.get(name, [value]))
            if not is_name or (name.endswith(_KERAS_1_CALLS) and value is not None):
                yield f"{name} in it is {value!r:.60}"

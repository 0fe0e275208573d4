"""Read the convolutions of an ONNX file with NumPy alone.

Source: the protobuf wire format, https://protobuf.dev/programming-guides/encoding, and onnx.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_TYPE = 1, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_FLOAT = 1


def parse_convolutions(data: bytes) -> dict[str, Layer]:
    """Return {name of the kernel: (kernel HWIO, bias)} of every convolution of a model.

    Raises ValueError where the bytes are not a valid ONNX model.
    """
    graph = next(
        (value for field, value in _fields(memoryview(data)) if field == _MODEL_GRAPH), None
    )
    if not isinstance(graph, memoryview):
        raise ValueError("no graph in the file")
    tensors: dict[str, NDArray[np.float32]] = {}
    convolved: list[list[str]] = []
    for field, value in _fields(graph):
        if field == _GRAPH_INITIALIZER and isinstance(value, memoryview):
            tensors.update(_tensor(value))
        elif field == _GRAPH_NODE and isinstance(value, memoryview):
            inputs, operator = _node(value)
            if operator == "Conv":
                convolved.append(inputs)
    missing = {name for _, *names in convolved for name in names} - tensors.keys()
    if missing:
        raise ValueError(f"no values of {', '.join(sorted(missing))} in the file")
    return {
        kernel: (np.ascontiguousarray(tensors[kernel].transpose(2, 3, 1, 0)), tensors[bias].copy())
        for _, kernel, bias in convolved
    }


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            number, at = _varint(data, at)
            yield field, number
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if at + length > len(data):
            raise ValueError("the file is cut short")
        yield field, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the file is cut short, or is another kind of file")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _node(data: memoryview) -> tuple[list[str], str]:
    inputs, operator = [], ""
    for field, value in _fields(data):
        if field == _NODE_INPUT and isinstance(value, memoryview):
            inputs.append(bytes(value).decode())
        elif field == _NODE_TYPE and isinstance(value, memoryview):
            operator = bytes(value).decode()
    return inputs, operator


def _tensor(data: memoryview) -> dict[str, NDArray[np.float32]]:
    shape: list[int] = []
    name, kind, raw = "", 0, None
    for field, value in _fields(data):
        if field == _TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else list(_packed(value))
        elif field == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif field == _TENSOR_NAME and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif field == _TENSOR_RAW and isinstance(value, memoryview):
            raw = value
    if kind != _FLOAT or raw is None:
        return {}
    if math.prod(shape) * 4 != len(raw):
        raise ValueError(f"{len(raw)} bytes for {name} of shape {shape}")
    return {name: np.frombuffer(raw, "<f4").reshape(shape)}


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value

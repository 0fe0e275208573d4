from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.weights.onnx import parse_convolutions

# Encoded by hand from https://protobuf.dev/programming-guides/encoding and onnx.proto.
FLOAT, DOUBLE = 1, 11


def varint(number):
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + varint(number >> 7)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, values, *, kind=FLOAT, packed=False):
    dims = (
        field(1, b"".join(varint(size) for size in values.shape))
        if packed
        else b"".join(field(1, size) for size in values.shape)
    )
    return field(5, dims + field(2, kind) + field(8, name.encode()) + field(9, values.tobytes()))


def node(operator, *inputs):
    return field(
        1, b"".join(field(1, name.encode()) for name in inputs) + field(4, operator.encode())
    )


def model(*graph):
    version, producer = field(1, 7), field(2, b"a test")
    fixed = varint(15 << 3 | 1) + bytes(8) + varint(16 << 3 | 5) + bytes(4)
    return version + producer + fixed + field(7, b"".join(graph)) + field(8, b"opset")


KERNEL = np.arange(2 * 3 * 2 * 2, dtype="<f4").reshape(2, 3, 2, 2)
BIAS = np.array([0.5, -0.5], "<f4")
SMALL = model(
    node("Conv", "pixels", "k", "b"),
    node("Relu", "c"),
    tensor("k", KERNEL),
    tensor("b", BIAS),
)


def test_a_convolution_is_read_in_the_layout_of_keras():
    layers = parse_convolutions(SMALL)

    kernel, bias = layers.pop("k")
    assert layers == {}
    np.testing.assert_array_equal(kernel, KERNEL.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(bias, BIAS)
    assert kernel.flags.c_contiguous
    assert bias.flags.owndata


def test_other_nodes_are_ignored():
    whole = np.array([1, 2], "<f8")
    data = model(
        node("Conv", "pixels", "k", "b"),
        node("MatMul", "m", "b"),
        tensor("k", KERNEL, packed=True),
        tensor("b", BIAS),
        tensor("m", KERNEL),
        tensor("doubles", whole, kind=DOUBLE),
    )

    assert list(parse_convolutions(data)) == ["k"]


def test_a_tensor_without_values_in_the_file_is_named():
    data = model(node("Conv", "pixels", "k", "b"), tensor("b", BIAS))

    with pytest.raises(ValueError, match="no values of k in the file"):
        parse_convolutions(data)


def test_a_tensor_of_another_size_than_its_shape_is_refused():
    data = model(node("Conv", "pixels", "k", "b"), tensor("k", KERNEL), tensor("b", BIAS))
    wrong = data.replace(field(1, 3) + field(1, 2), field(1, 4) + field(1, 2), 1)

    with pytest.raises(ValueError, match="96 bytes for k of shape"):
        parse_convolutions(wrong)


@pytest.mark.parametrize("data", [b"", b"\x08\x07", field(7, 3), b"not an ONNX file at all"])
def test_a_file_of_another_format_is_refused(data):
    with pytest.raises(ValueError, match=r"no graph in the file|wire type|cut short"):
        parse_convolutions(data)


@given(st.integers(0, len(SMALL) - 1))
def test_a_truncated_file_is_never_misread(length):
    cut = SMALL[:length]

    try:
        layers = parse_convolutions(cut)
    except ValueError as refused:
        said = str(refused)
        assert said
    else:
        # Only the part after the graph is missing.
        assert length >= len(SMALL) - len(field(8, b"opset"))
        np.testing.assert_array_equal(layers["k"][0], KERNEL.transpose(2, 3, 1, 0))


@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused(data):
    try:
        layers = parse_convolutions(data)
    except ValueError as refused:
        said = str(refused)
        assert said
    else:
        assert all(kernel.ndim == 4 for kernel, _ in layers.values())


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=5))
def test_changed_bytes_are_read_or_refused(changes):
    changed = bytearray(SMALL)
    for at, byte in changes:
        changed[at] = byte

    try:
        layers = parse_convolutions(bytes(changed))
    except ValueError as refused:
        said = str(refused)
        assert said
    else:
        assert all(kernel.ndim == 4 for kernel, _ in layers.values())

"""Winograd's minimal filtering F(4×4, 3×3), with TensorFlow.

Tiles of 6 × 6 pixels are transformed, multiplied, channel by channel, with a transformed kernel,
and transformed back to 4 × 4 pixels: 36 multiplications where a convolution takes 144. Source of
the algorithm and of its matrices: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
Networks", 2015, https://arxiv.org/abs/1509.09308.

XLA compiles the transforms, rows and columns one after the other: in a single function it would
compile three times as long and compute the rows again for each column. The products are computed by
oneDNN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TILE = 4
_INPUT_TILE = TILE + 2
# More do not stay in the caches of a processor between the transforms and the products; with fewer,
# the products wait for the kernel.
_TILES_AT_ONCE = 512

# Aᵀ, G and Bᵀ of the paper.
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
_KERNEL = (
    *((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6)),
    *((1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1)),
)
_INPUT = (
    *((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0)),
    *((0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1)),
)


def transform_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel (3, 3, inputs, outputs) as 36 matrices, (36, inputs, outputs)."""
    matrix = np.array(_KERNEL)
    # In float64: the rounding of weights would be that of all images.
    rows = np.tensordot(matrix, kernel.astype(np.float64), (1, 0))
    products = np.tensordot(matrix, rows, (1, 1))
    return products.reshape(_INPUT_TILE**2, *kernel.shape[2:]).astype(np.float32)


def convolve(
    pixels: Any,
    kernel: Any,
    bias: Any,
    padding: str,
    activation: Callable[[Any], Any],
) -> Any:
    """Return the activations of a convolution of float32 (n, height, width, inputs).

    `kernel` is transformed; `padding` is "same" or "valid". To be called in a `tf.function`.
    """
    import tensorflow as tf

    height, width = pixels.shape[1:3]
    if padding == "valid":
        height, width = height - 2, width - 2
    rows, columns = count_tiles(height), count_tiles(width)
    before = int(padding == "same")

    def compute(part: Any) -> Any:
        steps = _compile_steps()
        lines = steps.transform_rows(part, rows, columns, before)
        products = tf.matmul(steps.transform_columns(lines, columns), kernel)
        finished = steps.finish_columns(products, rows, columns)
        return steps.finish_rows(finished, bias, height, width, activation)

    images, most = pixels.shape[0], count_images(height, width)
    if images is None or images <= most:
        return compute(pixels)
    parts = [compute(pixels[at : at + most]) for at in range(0, images, most)]
    return tf.concat(parts, axis=0)


def count_tiles(size: int) -> int:
    """Return the number of tiles for so many rows or columns of the output."""
    return -(-size // TILE)


def count_images(height: int, width: int) -> int:
    """Return of how many images an output of this size is computed at once."""
    return max(1, _TILES_AT_ONCE // (count_tiles(height) * count_tiles(width)))


class _Steps(NamedTuple):
    """The transforms; each is compiled once for all layers with the same shapes."""

    transform_rows: Callable[..., Any]
    transform_columns: Callable[..., Any]
    finish_columns: Callable[..., Any]
    finish_rows: Callable[..., Any]


@cache
def _compile_steps() -> _Steps:
    import tensorflow as tf

    def transform_rows(pixels: Any, rows: int, columns: int, before: int) -> Any:
        """Return (6, n, rows, padded width, inputs)."""
        missing = [TILE * rows + 2, TILE * columns + 2] - np.array(pixels.shape[1:3]) - before
        padded = tf.pad(pixels, [[0, 0], *([before, each] for each in missing), [0, 0]])
        end = TILE * rows - TILE + 1
        parts = [padded[:, at : at + end : TILE] for at in range(_INPUT_TILE)]
        return tf.stack(_combine(_INPUT, parts))

    def transform_columns(lines: Any, columns: int) -> Any:
        """Return the tiles as 36 matrices, (36, n × rows × columns, inputs)."""
        end = TILE * columns - TILE + 1
        parts = [lines[:, :, :, at : at + end : TILE] for at in range(_INPUT_TILE)]
        tiles = tf.stack(_combine(_INPUT, parts))
        return tf.reshape(tiles, [_INPUT_TILE**2, -1, lines.shape[-1]])

    def finish_columns(products: Any, rows: int, columns: int) -> Any:
        """Return (6, n, rows, columns, 4, outputs)."""
        shape = [_INPUT_TILE, _INPUT_TILE, -1, rows, columns, products.shape[-1]]
        parts = tf.unstack(tf.reshape(products, shape))
        return tf.stack(_combine(_OUTPUT, parts), axis=4)

    def finish_rows(
        lines: Any, bias: Any, height: int, width: int, activation: Callable[[Any], Any]
    ) -> Any:
        """Return (n, height, width, outputs)."""
        _, _, rows, columns, _, outputs = lines.shape
        result = tf.stack(_combine(_OUTPUT, tf.unstack(lines)), axis=2)
        result = tf.reshape(result, [-1, TILE * rows, TILE * columns, outputs])
        result = result[:, :height, :width]
        return activation(result if bias is None else result + bias)

    functions = transform_rows, transform_columns, finish_columns, finish_rows
    return _Steps(*(tf.function(each, jit_compile=True) for each in functions))


def _combine(matrix: Sequence[Sequence[int]], parts: Sequence[Any]) -> list[Any]:
    """Return the product of a matrix with parts, which XLA computes in one pass."""
    return [
        sum(factor * part for factor, part in zip(row, parts, strict=True) if factor)
        for row in matrix
    ]

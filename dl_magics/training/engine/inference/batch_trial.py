"""Measure batch sizes on the GPU: `python -m dl_magics.training.engine.inference.batch_trial`.

Reads {"recipe": …, "precision": …, "sizes": […]} from stdin, and prints [size, images/s] for each
size that fits, as a line of JSON.
A process of its own: what it allocates is free again when it ends, whatever happened to it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.training.engine.inference import dispatch
from dl_magics.training.engine.inference.out_of_memory import is_out_of_memory
from dl_magics.training.recipe.recipe import Recipe

_BATCHES = 4


def measure_sizes(
    network: Any, image_size: int, sizes: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """Yield the batch sizes, from the smallest on, as long as they fit, each with its images/s."""
    start = dispatch.start_on_gpu(network)
    for size in sorted(sizes):
        pixels = np.zeros((size, image_size, image_size, 3), np.uint8)
        try:
            start(pixels)()  # compiles
            began = time.perf_counter()
            for fetch in [start(pixels) for _ in range(_BATCHES)]:
                fetch()
        except Exception as error:
            if is_out_of_memory(error):
                return
            raise
        yield size, _BATCHES * size / (time.perf_counter() - began)


def answer_request() -> None:
    """Answer the request on stdin, as far as the memory allows."""
    from dl_magics.training.engine import networks

    request = json.load(sys.stdin)
    # The speed does not depend on the values of the weights.
    recipe = replace(Recipe.from_json(request["recipe"]), weights=None)
    network = networks.build_frozen(recipe, request["precision"], Path()).fast
    for size, speed in measure_sizes(network, recipe.image_size, request["sizes"]):
        print(json.dumps([size, round(speed, 1)]), flush=True)


if __name__ == "__main__":
    answer_request()

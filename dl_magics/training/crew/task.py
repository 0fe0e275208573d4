"""What Dask calls on a worker: a batch in, its features out. It may be called twice for a batch."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from dl_magics.training.crew.batches import Batch, pack_failure, pack_features

if TYPE_CHECKING:
    from dl_magics.training.engine.inference.compute import Compute

_computes: list[Compute] = []
_one_at_a_time = threading.Lock()


def use_compute(compute: Compute) -> None:
    """Compute with this network from now on, in this process."""
    _computes[:] = [compute]


def compute_batch(packed: bytes) -> bytes:
    """Return the packed features of a packed batch, or why there are none.

    It never raises: an exception of a worker would have to be unpickled.
    """
    try:
        import numpy as np

        from dl_magics.training.crew import photos

        batch = Batch.unpack(packed)
        pixels = np.stack(
            list(
                _decoders().map(
                    lambda photo: photos.decode_photo(photo, batch.size, batch.seed),
                    batch.photos,
                )
            )
        )
        # The next batch is decoded meanwhile.
        with _one_at_a_time:
            return pack_features(_computes[0].start(pixels)())
    except Exception as error:
        return pack_failure(f"{type(error).__name__}: {error}")


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1))

"""Compute the features of images that the feature store does not contain yet."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from dl_magics.data import images
from dl_magics.data.byte_budget import ByteBudget
from dl_magics.data.deep_gray import GrayRange, join_ranges
from dl_magics.data.image_files import ImageFile, pack_files
from dl_magics.runs.events import Event, PhaseStarted, Progressed
from dl_magics.text import escape_controls
from dl_magics.training.engine.feature_store import Store
from dl_magics.training.engine.features.key_index import KEY, Key, list_first
from dl_magics.training.engine.inference.compute import (
    Compute,
    Fetch,
    NotComputedYet,
    Pixels,
)
from dl_magics.training.engine.throughput import Throughput
from dl_magics.training.engine.views import View, Views, decode_view, make_key

Stop = Callable[[], bool]
Broken = dict[Path, str]

T = TypeVar("T")
R = TypeVar("R")

_BATCHES_AHEAD = 3
_FILES_AHEAD = 1024
_LOWER_PRIORITY = 10
# The threads have this memory together for files that they have read.
_FILES = ByteBudget(256 * 2**20)


def scan_images(
    files: Sequence[ImageFile],
    copies: int,
    seed: int,
    broken: Broken,
    gray: GrayRange | None = None,
) -> Views:
    """Return the views of the valid images; adds the other files to `broken`.

    Grayscale of more than 8 bits is scaled by `gray`, or by the range of all these images.
    """
    packed = pack_files(files)
    digests = np.zeros(len(packed), KEY)
    is_deep, is_valid = np.zeros((2, len(packed)), np.bool_)
    wider = gray
    with open_readers() as pool:
        for at, (file, found) in enumerate(_map_ahead(pool, _read, packed)):
            if isinstance(found, str):
                broken[file.path] = found
                continue
            digest, deep = found
            digests[at], is_valid[at] = np.void(digest), True
            if deep:
                is_deep[at] = True
                wider = gray or join_ranges([deep, wider or deep])
    rows = np.repeat(np.flatnonzero(is_valid), copies + 1)
    numbers = np.tile(np.arange(copies + 1, dtype=np.int32), is_valid.sum())
    keys = digests[rows]
    for view in np.flatnonzero((numbers > 0) | is_deep[rows]):
        scale = wider if is_deep[rows[view]] else None
        keys[view] = np.void(make_key(keys[view].tobytes(), int(numbers[view]), seed, scale))
    return Views(packed, rows, numbers, keys, is_deep[rows], wider if is_deep.any() else None)


def fill_store(
    store: Store,
    views: Views,
    size: int,
    batch_size: int,
    seed: int,
    compute: Compute,
    stop: Stop,
    broken: Broken,
) -> Iterator[Event]:
    """Compute the features that the store lacks; end early, after a batch, if `stop()` is true.

    Images found to be damaged are added to `broken`, with all files of the same content.
    """
    different = views.select(list_first(views.keys))
    missing = different.select(store.are_missing(different.keys))
    unique = len(different)
    yield PhaseStarted(phase="features", total=unique, unit="images", kept=unique - len(missing))
    pace = Throughput(len(missing))
    with store.writer() as writer, open_readers() as pool:
        batches = _batches(pool, missing, size, batch_size, seed)
        for batch, fetch, damaged in _started(batches, compute):
            for key, reason in damaged.items():
                broken.update((view.file.path, reason) for view in views.find_all(key))
            while fetch:
                try:
                    writer.add([view.key for view in batch], fetch())
                    fetch = None
                except NotComputedYet:
                    if stop():
                        return
                yield from compute.take_warnings()
            if pace.add(len(batch) + len(damaged)) or pace.done == pace.total:
                yield Progressed(
                    done=unique - pace.total + pace.done,
                    total=unique,
                    images_per_second=round(pace.per_second, 2),
                    seconds_left=round(pace.seconds_left, 1),
                    workers=compute.describe_workers(),
                )
            if stop():
                return


def describe_broken(broken: Broken) -> list[Mapping[str, str]]:
    """Return the broken files as the `DataChecked` event lists them."""
    return [
        {"path": escape_controls(str(path)), "reason": reason}
        for path, reason in sorted(broken.items())
    ]


def _started(
    batches: Iterator[tuple[list[View], Pixels, dict[Key, str]]], compute: Compute
) -> Iterator[tuple[list[View], Fetch | None, dict[Key, str]]]:
    """Start the batches in order, `compute.ahead` of them before the first is yielded.

    The device then computes while batches are decoded and features are written.
    """
    started: deque[tuple[list[View], Fetch | None, dict[Key, str]]] = deque()
    for batch, pixels, damaged in batches:
        started.append((batch, compute.start(pixels, batch) if batch else None, damaged))
        if len(started) > compute.ahead:
            yield started.popleft()
    yield from started


def _batches(
    pool: ThreadPoolExecutor,
    views: Iterable[View],
    size: int,
    batch_size: int,
    seed: int,
) -> Iterator[tuple[list[View], Pixels, dict[Key, str]]]:
    """Yield full batches of valid images, with the reasons why others were skipped.

    Threads decode some batches ahead (the decoders release the GIL), so that the network waits
    for the first batch only.
    """
    coming = iter(views)
    ahead: deque[tuple[View, Future[Pixels | str]]] = deque()

    def refill() -> None:
        while len(ahead) < _BATCHES_AHEAD * batch_size:
            view = next(coming, None)
            if view is None:
                return
            ahead.append((view, pool.submit(read_pixels, view, size, seed)))

    refill()
    while ahead:
        batch: list[View] = []
        decoded: list[Pixels] = []
        damaged: dict[Key, str] = {}
        while ahead and len(batch) < batch_size:
            view, future = ahead.popleft()
            result = future.result()
            if isinstance(result, str):
                damaged[view.key] = result
            else:
                batch.append(view)
                decoded.append(result)
        refill()
        yield batch, np.stack(decoded) if decoded else np.empty(0, np.uint8), damaged


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]
) -> Iterator[tuple[T, R]]:
    """Yield each item with its result; unlike with `pool.map`, only some are begun before."""
    begun: deque[tuple[T, Future[R]]] = deque()
    for item in items:
        begun.append((item, pool.submit(function, item)))
        if len(begun) > _FILES_AHEAD:
            yield begun[0][0], begun.popleft()[1].result()
    yield from ((item, future.result()) for item, future in begun)


def read_pixels(view: View, size: int, seed: int) -> Pixels | str:
    """Return the pixels of a view at this height and width, or why it cannot be read."""
    try:
        with _FILES.hold(view.file.path.stat().st_size):
            return _decode(view, size, seed)
    except images.BrokenImage as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)


def _decode(view: View, size: int, seed: int) -> Pixels | str:
    data = view.file.path.read_bytes()
    if make_key(hashlib.sha256(data).digest(), view.copy, seed, view.gray) != view.key:
        return "changed while the run went on"
    return decode_view(data, size, copy=view.copy, key=view.key, gray=view.gray, seed=seed)


def _read(file: ImageFile) -> tuple[bytes, GrayRange | None] | str:
    """Return the SHA-256 of a file and its range of gray, or why it is no image."""
    try:
        with _FILES.hold(file.path.stat().st_size):
            return _examine(file.path.read_bytes())
    except images.BrokenImage as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)


def _examine(data: bytes) -> tuple[bytes, GrayRange | None]:
    images.check_header(data)
    try:
        gray = images.read_gray_range(data)
    except images.BrokenImage:
        gray = None  # as with other damaged images, the reason is reported when it is decoded
    return hashlib.sha256(data).digest(), gray


def open_readers() -> ThreadPoolExecutor:
    """Return threads that read images, with a lower priority than the network's own threads."""
    # More threads only wait for the interpreter: with 16 cores, 16 read 10 % fewer images than 8.
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # on other systems the priority is that of the process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWER_PRIORITY)

"""Memory and time of a run's steps before training, by number of photos; and of a large store.

    python benchmarks/data/large_folders.py 1000000 /tmp/photos      photos of 700 bytes, made once
    python benchmarks/data/large_folders.py --keys 10000000 /tmp/it  a store of that many features

Nothing is trained, and the network is a stand-in: what is measured is what grows with the number
of files. Each step says the most memory of the process so far, above that before the first.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from dl_magics.data import folders
from dl_magics.training.engine import fingerprint, pipeline
from dl_magics.training.engine.extraction import fill_store
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.features.key_index import pack_keys
from dl_magics.training.engine.inference.compute import Immediate
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.recipe.recipe import Recipe

_BATCH, _FEATURES, _MB = 1024, 8, 2**20


def make_photos(root: Path, count: int) -> None:
    """Make photos of two classes: the same picture, each file with other bytes behind its end."""
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "jpeg", quality=30)
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for n in range(count):
        path = root / ("dogs", "cats")[n % 2] / f"photo_{n:08d}.jpg"
        if not path.exists():
            path.write_bytes(picture.getvalue() + n.to_bytes(8, "little"))


def measure_run(root: Path) -> None:
    """Take the steps of a run from its folder to the arrays that a head is trained on."""
    recipe = Recipe(data=str(root))
    scratch = root.with_name(root.name + "-features")
    shutil.rmtree(scratch, ignore_errors=True)
    before = _most_memory()
    with _step("find images", before):
        folder = folders.find_images(root)
        n = len(folder.train) + len(folder.valid)
    with _step("read each file once", before):
        images = scan_folder(folder, recipe)
    store = FeatureStore(scratch, {}, (_FEATURES,))
    compute = Immediate(lambda batch: np.zeros((len(batch), _FEATURES), np.float32))
    with _step("fill the store", before):
        for _ in fill_store(
            store, images.views, 16, _BATCH, 0, compute, lambda: False, images.broken
        ):
            pass
    with _step("open it again", before):
        store = FeatureStore(scratch, {}, (_FEATURES,))
    with _step("examples", before):
        train, _ = pipeline._examples(recipe, folder.classes, store, images)
        for part in (images.train, images.valid):
            fingerprint.digest_images(images.readable(part))
        order = np.random.default_rng(0).permutation(len(train))
        for at in range(0, len(train), 32):
            train.features[order[at : at + 32]]
    print(f"{n:,} photos: {(_most_memory() - before) / n:,.0f} bytes a photo")
    shutil.rmtree(scratch)


def measure_store(folder: Path, keys: int) -> None:
    """Write a store of many small features, open it, and look for each key."""
    store = FeatureStore(folder, {}, (1,))
    block = folder / store.folder.name / "bench.block"
    if not block.exists():
        with block.open("wb") as file:
            for at in range(0, keys, 100_000):
                listed = [_key(n) for n in range(at, at + 100_000)]
                file.write(store.packed(listed, np.ones((len(listed), 1), np.float32)).tobytes())
    before = _most_memory()
    with _step("open the store", before):
        store = FeatureStore(folder, {}, (1,))
    with _step("find 100,000 of its keys", before):
        wanted = pack_keys(_key(n) for n in range(0, keys, keys // 100_000))
        found = int((~store.are_missing(wanted)).sum())
    with _step("find 100,000 others", before):
        found += int((~store.are_missing(pack_keys(_key(-n) for n in range(1, 100_001)))).sum())
    print(f"{found:,} found; {(_most_memory() - before) / keys:,.0f} bytes a key")


def _key(n: int) -> bytes:
    return hashlib.sha256(str(n).encode()).digest()


@contextmanager
def _step(name: str, before: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    print(f"{name:<26}{seconds:8.1f} s{(_most_memory() - before) / _MB:10,.0f} MB", flush=True)


def _most_memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=int, nargs="?", default=0)
    parser.add_argument("--keys", type=int, default=0)
    parser.add_argument("folder", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    asked = _parse()
    os.nice(5)
    if asked.keys:
        measure_store(asked.folder, asked.keys)
    else:
        make_photos(asked.folder, asked.photos)
        measure_run(asked.folder)

"""Generated photos, and the tiny network that tests fine-tune on them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from dl_magics.runs.events import EpochEnded, Event
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe.recipe import Function, Recipe, check_settings
from support.backbones import small_model

COLOURS = {"blue": (40, 50, 190), "green": (50, 170, 60), "red": (190, 50, 40)}
SETTINGS = {
    "weights": None,
    "image_size": 32,
    "dense": [8],
    "heads": 1,  # quicker
    "epochs": 3,
    "batch_size": 8,
    "mixed_precision": False,  # the same numbers on every processor
}


def photo(path: Path, colour: str, seed: int) -> Path:
    """Write a noisy photo of one colour."""
    noise = np.random.default_rng([seed, *COLOURS[colour]]).normal(0, 60, (40, 40, 3))
    pixels = np.clip(noise + COLOURS[colour], 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def photos(root: Path, n: int = 12, classes: tuple[str, ...] = ("blue", "red")) -> Path:
    """Fill a folder with `n` photos of each class, and return it."""
    for name in classes:
        for i in range(n):
            photo(root / name / f"{i:03}.png", name, i)
    return root


def recipe(
    data: Path, *, head: str = "", augment: int | str = 0, names: Any = None, **settings: Any
) -> Recipe:
    """Return a recipe that takes a second: of VGG16, or of the small network beside the photos.

    `augment` is a number of copies, or the source of a function as that of a `head` is.
    """
    small = small_model.find_beside(Path(data))
    if small.is_file() and not settings.keys() & {"model", "weights"}:
        settings |= {"model": str(small), "weights": "imagenet"}
    given = {"head": head, "augment": augment if isinstance(augment, str) else ""}
    if not given["augment"]:
        settings["augment"] = augment
    functions = {name: Function(source, names or {}) for name, source in given.items()}
    return check_settings(str(data), {**SETTINGS, **settings}, functions=functions)


def paths(folder: Path, run: str = "run") -> RunPaths:
    """Return the paths of a run; runs in the same folder share their features."""
    (folder / run).mkdir(parents=True, exist_ok=True)
    return RunPaths(folder / run, folder / "features", folder / "weights")


def train(data: Path, folder: Path, run: str = "run", **asked: Any) -> list[Event]:
    """Fine-tune on a folder, and return all events."""
    return list(pipeline.run(recipe(data, **asked), paths(folder, run)))


def begin(data: Path, paths: RunPaths, **asked: Any) -> None:
    """Record a run that is interrupted after its first epoch."""
    events = recorder.record_new_run(recipe(data, **asked), paths)
    while not isinstance(next(events), EpochEnded):
        pass
    events.close()


def of_kind(kind: type[Event], events: Iterable[Event]) -> Iterator[Any]:
    """Yield the events of one kind."""
    return (event for event in events if isinstance(event, kind))


def weights(run: Path) -> dict[str, Any]:
    """Return the weights of the model that a run saved, by name."""
    with zipfile.ZipFile(run / "model.keras") as archive:
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    found: dict[str, Any] = {}
    file.visititems(
        lambda name, each: found.update({name: each[()]}) if hasattr(each, "dtype") else None
    )
    return found


def losses(events: list[Event]) -> list[dict[str, float]]:
    """Return the numbers of each epoch."""
    return [dict(event.logs) for event in events if event.kind == "epoch_ended"]


def pixels(path: Path, size: int) -> Any:
    """Return the pixels of a square photo, as a run reads them."""
    from dl_magics.data import images

    return images.decode(path.read_bytes(), size)

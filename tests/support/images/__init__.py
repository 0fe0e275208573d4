"""Small images like photos, one for each seed, and what can be wrong with a folder of them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

SIZE = (160, 120)


def make_photo(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Return colours that change slowly, with fine grain over them."""
    chance = np.random.default_rng(seed)
    coarse = Image.fromarray(chance.integers(0, 256, (6, 8, 3), np.uint8))
    grain = chance.normal(0, 20, (size[1], size[0], 1))
    pixels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encode(picture: Image.Image, kind: str = "jpeg", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def write_photos(folder: Path, names: list[str], first_seed: int = 0) -> None:
    """Write a different photo for each name."""
    for seed, name in enumerate(names, start=first_seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(make_photo(seed)))


def write_pets(folder: Path, train: int = 12, valid: int = 4) -> Path:
    """Write a data set of cats and dogs without a fault; return its folder."""
    sizes = {"train": train, "valid": valid}
    write_photos(
        folder,
        [
            f"{part}/{name}/{name}.{n}.jpg"
            for part, size in sizes.items()
            for name in ("cats", "dogs")
            for n in range(size)
        ],
    )
    return folder


def plant_faults(folder: Path) -> dict[str, set[str]]:
    """Add a fault of each kind to the pets in a folder; return the paths by kind."""
    photo = make_photo(1000)
    wide = make_photo(1001, (400, 60))
    blurred = make_photo(1002, (320, 240)).filter(ImageFilter.GaussianBlur(9))
    bright = make_photo(1003).point([240 + value // 17 for value in range(256)] * 3)
    dark = make_photo(1004).point([value // 8 for value in range(256)] * 3)
    contents = {
        "train/cats/empty.jpg": b"",
        "train/cats/page.jpg": b"<!doctype html><title>404</title>",
        "train/cats/cut.jpg": encode(photo)[:-900],
        "train/dogs/is_png.jpg": encode(make_photo(1005), "png"),
        "train/dogs/icon.png": encode(make_photo(1006, (24, 24)), "png"),
        "train/dogs/scan.jpg": encode(
            make_photo(1010).resize((8000, 7000), Image.Resampling.NEAREST)
        ),
        "train/dogs/wide.jpg": encode(wide),
        "train/dogs/large.jpg": encode(
            make_photo(1007).resize((2000, 1600), Image.Resampling.NEAREST)
        ),
        "train/cats/blurred.jpg": encode(blurred),
        "train/cats/night.jpg": encode(dark),
        "train/cats/snow.jpg": encode(bright),
        "train/cats/blank.png": encode(Image.new("RGB", SIZE, "teal"), "png"),
        "train/dogs/gray.jpg": encode(make_photo(1008).convert("L")),
        "train/beside.jpg": encode(make_photo(1009)),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    for name, original in {
        "train/cats/again.jpg": "train/cats/cats.1.jpg",
        "train/cats/leak.jpg": "valid/cats/cats.1.jpg",
        "train/dogs/a_cat.jpg": "train/cats/cats.2.jpg",
    }.items():
        shutil.copy(folder / original, folder / name)
    smaller = Image.open(folder / "train/dogs/dogs.3.jpg").resize((120, 90))
    (folder / "train/dogs/smaller.jpg").write_bytes(encode(smaller, quality=60))
    compressed = Image.open(folder / "valid/dogs/dogs.2.jpg")
    (folder / "train/dogs/compressed.jpg").write_bytes(encode(compressed, quality=40))
    (folder / "train" / "birds").mkdir()
    return {
        "empty": {"train/cats/empty.jpg"},
        "not_an_image": {"train/cats/page.jpg"},
        "damaged": {"train/cats/cut.jpg"},
        "leak": {"train/cats/leak.jpg"},
        "near_leak": {"train/dogs/compressed.jpg"},
        "two_classes": {"train/dogs/a_cat.jpg"},
        "duplicate": {"train/cats/cats.1.jpg"},
        "near_duplicate": {"train/dogs/smaller.jpg"},
        "layout": {"train/birds"},
        "unused": {"train/beside.jpg"},
        "wrong_extension": {"train/dogs/is_png.jpg"},
        "tiny": {"train/dogs/icon.png"},
        "huge": {"train/dogs/scan.jpg"},
        "odd_size": {"train/dogs/large.jpg"},
        "odd_shape": {"train/dogs/wide.jpg"},
        "blurry": {"train/cats/blurred.jpg"},
        "low_information": {"train/cats/blank.png"},
        "dark": {"train/cats/night.jpg"},
        "light": {"train/cats/snow.jpg"},
        "gray_among_color": {"train/dogs/gray.jpg"},
    }

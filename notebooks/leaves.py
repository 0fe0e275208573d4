"""Draw photos of leaves for 03_crops.ipynb: the leaves are drawn, the ground is photographed.

A leaf is an ellipse with a stalk and veins; rust adds orange spots. The ground is a piece of one of
the photos in data/crops. The same seed draws the same photos.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

GROUNDS = Path(__file__).parent / "data" / "crops"
_SIDE = 96
_GREEN, _RUST = (86, 138, 52), (176, 92, 28)
# The photos of the ground are gray: the leaves of grass get a green, stones stay as they are.
_TINTS = {"grass": (0.80, 1.0, 0.55), "gravel": (1.0, 0.97, 0.92)}


def draw_set(folder: Path, grounds: Mapping[str, Sequence[str]], *, images: int, seed: int) -> Path:
    """Write so many photos of each class to `folder`/CLASS, on its grounds in turn; return it.

    `grounds` names them by class: {"healthy": ["gravel"], "rust": ["grass"]}.
    """
    chance = np.random.default_rng(seed)
    for name, its_grounds in grounds.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, ground in zip(range(images), itertools.cycle(its_grounds), strict=False):
            photo = _draw_photo(ground, has_rust=name == "rust", chance=chance)
            photo.save(folder / name / f"{ground}-{number:03}.jpg", quality=90)
    return folder


def show_photos(*folders: Path, most: int = 6) -> Image.Image:
    """Return the first photos of each class, a folder in each row."""
    rows = [
        [file for each in sorted(folder.iterdir()) for file in sorted(each.iterdir())[::10][:most]]
        for folder in folders
    ]
    step = _SIDE + 4
    sheet = Image.new("RGB", (step * max(map(len, rows)), step * len(rows)), "white")
    for y, files in enumerate(rows):
        for x, file in enumerate(files):
            with Image.open(file) as photo:
                sheet.paste(photo, (x * step, y * step))
    return sheet


def _draw_photo(ground: str, *, has_rust: bool, chance: np.random.Generator) -> Image.Image:
    photo = _cut_ground(ground, chance)
    leaf = _draw_leaf(has_rust=has_rust, chance=chance).rotate(
        float(chance.uniform(0, 360)), resample=Image.Resampling.BICUBIC
    )
    at = tuple(int(each) for each in chance.integers(-5, 6, 2))
    shadow = Image.new("RGBA", leaf.size, (0, 0, 0, 0))
    shadow.putalpha(leaf.getchannel("A").point(lambda value: value // 2))
    photo.paste(shadow, (at[0] + 2, at[1] + 3), shadow.filter(ImageFilter.GaussianBlur(2)))
    photo.paste(leaf, at, leaf)
    light = float(chance.uniform(0.8, 1.15))
    return photo.point(lambda value: min(255, round(value * light)))


def _cut_ground(ground: str, chance: np.random.Generator) -> Image.Image:
    with Image.open(GROUNDS / f"{ground}.jpg") as opened:
        whole = opened.convert("L")
    left, top = (int(each) for each in chance.integers(0, whole.width - 2 * _SIDE, 2))
    piece = whole.crop((left, top, left + 2 * _SIDE, top + 2 * _SIDE)).resize((_SIDE, _SIDE))
    return Image.merge(
        "RGB",
        [piece.point(lambda value, tint=tint: round(value * tint)) for tint in _TINTS[ground]],
    )


def _draw_leaf(*, has_rust: bool, chance: np.random.Generator) -> Image.Image:
    """Return a leaf on nothing, in the middle of an image, drawn four times as large."""
    side = 4 * _SIDE
    leaf = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(leaf)
    length, width = chance.uniform(0.27, 0.32), chance.uniform(0.16, 0.21)
    along = np.linspace(0, np.pi, 60)
    half = width * np.sin(along) ** 0.8
    spine = 0.5 - length * np.cos(along)
    outline = [
        *zip(spine, 0.5 - half, strict=True),
        *zip(spine[::-1], 0.5 + half[::-1], strict=True),
    ]
    green = tuple(int(each + chance.integers(-18, 19)) for each in _GREEN)
    vein = tuple(min(255, each + 40) for each in green)
    draw.polygon([(x * side, y * side) for x, y in outline], fill=green)
    draw.line(
        [((0.5 - length - 0.05) * side, side / 2), ((0.5 + length) * side, side / 2)], vein, 5
    )
    for at in np.linspace(-0.7, 0.6, 6):
        for up in (-1, 1):
            x = 0.5 + at * length
            end = (x + 0.05) * side, (0.5 + up * width * 0.75 * np.sqrt(1 - at**2)) * side
            draw.line([(x * side, side / 2), end], vein, 3)
    if has_rust:
        _draw_spots(draw, side, (length, width), chance)
    return leaf.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)


def _draw_spots(
    draw: ImageDraw.ImageDraw, side: int, leaf: tuple[float, float], chance: np.random.Generator
) -> None:
    for _ in range(int(chance.integers(14, 22))):
        along = chance.uniform(-0.75, 0.75)
        across = chance.uniform(-0.8, 0.8) * np.sqrt(1 - along**2)
        x, y = (0.5 + along * leaf[0]) * side, (0.5 + across * leaf[1]) * side
        radius = chance.uniform(6, 16)
        orange = tuple(int(each + chance.integers(-20, 21)) for each in _RUST)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=orange)

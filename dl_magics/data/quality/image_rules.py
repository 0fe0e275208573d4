"""What is wrong with a single image, and with an image among the others of its folder.

The limits are those at which none of 1,399 photos of dogs and cats is named that a person would
keep; their extreme values stand beside the limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from dl_magics.data.quality.findings import Item
from dl_magics.data.quality.measure import ImageFacts, has_suffix_of

_TINY_SIDE = 32  # 50
_HUGE_PIXELS = 50e6  # 0.25e6
_HUGE_BYTES = 50e6
_OTHER_SIZE = 10  # times the median of the root of the area: 1/6.6
_NARROW = 0.35  # of the longer side: 0.38
_NO_INFORMATION = 0.3  # 0.63
_DARK = 0.32  # of the brightness, of all but 1 % of the pixels: 0.40
_LIGHT = 0.85  # of the brightness, of all but 5 % of the pixels: 0.65
_BLURRY = 20.0  # 24, which is blurry indeed
_GRAY = 1.0  # 3.2
_MOST_GRAY = 0.2  # where more are gray, a folder is not one of colour images


def judge_images(facts: Mapping[str, ImageFacts]) -> dict[str, list[Item]]:
    """Return what is wrong with each of the files {path: facts}, by kind."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    valid = {path: each for path, each in facts.items() if not each.reason}
    middle = float(np.median([_side(each) for each in valid.values()])) if valid else 0.0
    gray = sum(each.color < _GRAY for each in valid.values())
    is_color = 0 < gray <= _MOST_GRAY * len(valid)
    for path, each in facts.items():
        if each.reason:
            found[_kind_of_reason(each)].append(Item(path, each.reason))
            continue
        if not has_suffix_of(path, each.format):
            found["wrong_extension"].append(Item(path, f"is {each.format.upper()}"))
        for kind, detail in (_judge_size(each, middle), _judge_look(each)):
            if kind:
                found[kind].append(Item(path, detail))
        if is_color and each.color < _GRAY:
            found["gray_among_color"].append(Item(path))
    return found


def _kind_of_reason(facts: ImageFacts) -> str:
    if facts.reason == "empty file":
        return "empty"
    return "damaged" if facts.format or not facts.size else "not_an_image"


def _judge_size(facts: ImageFacts, middle: float) -> tuple[str, str]:
    width, height = facts.width, facts.height
    shape = f"{width:,} × {height:,}"
    if min(width, height) < _TINY_SIDE and max(width, height) < middle / 2:
        return "tiny", shape
    if width * height > _HUGE_PIXELS or facts.size > _HUGE_BYTES:
        return "huge", f"{shape}, {facts.size / 1e6:,.0f} MB"
    if min(width, height) < _NARROW * max(width, height):
        return "odd_shape", shape
    if not middle / _OTHER_SIZE <= _side(facts) <= middle * _OTHER_SIZE:
        return "odd_size", f"{shape}, most have about {middle:,.0f} × {middle:,.0f}"
    return "", ""


def _judge_look(facts: ImageFacts) -> tuple[str, str]:
    if facts.information < _NO_INFORMATION and facts.sharpness < _BLURRY:
        return "low_information", ""
    if facts.light_end < _DARK:
        return "dark", ""
    if facts.dark_end > _LIGHT:
        return "light", ""
    if facts.sharpness < _BLURRY and min(facts.width, facts.height) >= _TINY_SIDE:
        return "blurry", ""
    return "", ""


def _side(facts: ImageFacts) -> float:
    return float(np.sqrt(facts.width * facts.height))

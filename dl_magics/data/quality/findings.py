"""What a check of a folder found, as values that also cross from a host to this computer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: what is counted, one and many, why it matters.

    `is_certain` is true where the file cannot be of use: `--fix` alone moves these.
    """

    one: str
    many: str
    why: str
    is_certain: bool = False


KINDS: dict[str, Kind] = {
    "empty": Kind("empty file", "empty files", "Training skips them.", True),
    "not_an_image": Kind(
        "file that is no image", "files that are no images", "Training skips them.", True
    ),
    "damaged": Kind("damaged image", "damaged images", "Training skips them.", True),
    "leak": Kind(
        "image in two parts",
        "images in two parts",
        "The copy for training makes val_accuracy too high.",
        True,
    ),
    "near_leak": Kind(
        "image nearly the same in two parts",
        "images nearly the same in two parts",
        "The copy for training makes val_accuracy too high.",
    ),
    "two_classes": Kind(
        "image in two classes",
        "images in two classes",
        "One of the two labels is wrong, and which one only you can say.",
    ),
    "duplicate": Kind("duplicate", "duplicates", "They count twice.", True),
    "near_duplicate": Kind(
        "near duplicate",
        "near duplicates",
        "The same picture scaled, compressed or brightened. A split must keep them together.",
    ),
    "doubtful_label": Kind(
        "doubtful label",
        "doubtful labels",
        "A model that was not trained on these images predicts another class; most doubtful first.",
    ),
    "layout": Kind("problem of the folders", "problems of the folders", "Training refuses them."),
    "few_images": Kind(
        "class with too few images", "classes with too few images", "Training needs some of each."
    ),
    "imbalance": Kind(
        "class far larger than another",
        "classes far larger than another",
        "A model that always answers the large class is right too often.",
    ),
    "unused": Kind(
        "file or folder that is not used",
        "files and folders that are not used",
        "They are in no folder of a class.",
    ),
    "wrong_extension": Kind(
        "wrong extension",
        "wrong extensions",
        "dl_magics reads them by their content, other programs may not.",
    ),
    "tiny": Kind("tiny image", "tiny images", "Scaled up, they show little."),
    "huge": Kind("huge image", "huge images", "Each costs seconds and much memory to decode."),
    "odd_size": Kind(
        "image of an odd size",
        "images of an odd size",
        "Ten times as large or as small as most others.",
    ),
    "odd_shape": Kind(
        "image of an odd shape",
        "images of an odd shape",
        "Training sees the center square only: most of them is cut off.",
    ),
    "blurry": Kind("blurry image", "blurry images", "At the size of training, too."),
    "low_information": Kind("image that shows nothing", "images that show nothing", "One colour."),
    "dark": Kind("dark image", "dark images", "Nearly all of it is black."),
    "light": Kind("light image", "light images", "Nearly all of it is white."),
    "gray_among_color": Kind(
        "grayscale image among colour images",
        "grayscale images among colour images",
        "A shortcut, if most of them are in one class.",
    ),
}
"""By name, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file, or a class, with what was found; `kept` is the file that it is a copy of.

    `picture` and `kept_picture` are small JPEGs in base64, or "".
    """

    path: str
    detail: str = ""
    kept: str = ""
    picture: str = ""
    kept_picture: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """All items of one kind."""

    kind: str
    items: tuple[Item, ...]

    @property
    def title(self) -> str:
        """The number of items in words: `3 duplicates`."""
        named = KINDS[self.kind]
        return f"{len(self.items):,} {named.one if len(self.items) == 1 else named.many}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found below `root`, in the order of KINDS; `images` is the number of files checked.

    `counts` has the files of each class by part, `note` what could not be checked.
    """

    root: str
    images: int
    counts: Mapping[str, Mapping[str, int]]
    found: tuple[Finding, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON values."""
        return asdict(self)


def sort_findings(found: Mapping[str, Sequence[Item]]) -> tuple[Finding, ...]:
    """Return the findings that have items, in the order in which they are shown."""
    return tuple(Finding(kind, tuple(found[kind])) for kind in KINDS if found.get(kind))

"""The types of instances that a run could use: their price, their rate, and what reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from dl_magics.actions.aws import context
from dl_magics.actions.runs import measured_speed
from dl_magics.actions.runs.measured_speed import Speeds
from dl_magics.aws import instance_types
from dl_magics.aws.pricing import table
from dl_magics.core import money
from dl_magics.core.scaling.fleet import Outcome
from dl_magics.core.scaling.rates import GPU_SPEED, Range, estimate_rate
from dl_magics.data.folders import ImageFolder
from dl_magics.errors import DLMagicsError
from dl_magics.training.recipe.recipe import Recipe

LAUNCH_SECONDS = 180.0
UPLINK: Range = (2.5e6, 25e6)
"""Bytes a second that leave this computer, as uplinks at home and at universities have them."""
UPLINK_TEXT = "20 to 200 Mbit/s"

_MEASURED = (0.8, 1.3)
_REGION = "us-east-1"
_SAMPLED_FILES = 200
_CHANNELS = 3

# What work takes at the high rate and at the low one.
Outcomes = tuple[Outcome, Outcome]


@dataclass(frozen=True, slots=True)
class Photos:
    """How many photos a run has: `views` with their augmented copies, and what they weigh.

    `file_bytes` is the mean of a file, `view_bytes` of what a worker is sent for a view.
    """

    images: int
    views: int
    file_bytes: float
    view_bytes: float


@dataclass(frozen=True, slots=True)
class RentedType:
    """A type of instance with its images a second, from low to high, and its dollars an hour."""

    type: str
    rate: Range
    price: float


def measure_photos(found: ImageFolder, recipe: Recipe) -> Photos:
    """Return how many photos there are, and the mean bytes of some of them."""
    train, valid = len(found.train), len(found.valid)
    step = max(1, (train + valid) // _SAMPLED_FILES)
    some = chain(found.train[::step], found.valid[::step])
    sizes = [each.path.stat().st_size for each in some if each.path.is_file()] or [0]
    pixels = _CHANNELS * recipe.image_size**2
    return Photos(
        train + valid,
        train * (1 + recipe.augment) + valid,
        fmean(sizes),
        fmean(min(each, pixels) for each in sizes),
    )


def find_region() -> str:
    """Return the selected region if its prices are known, else that of the table's examples."""
    with suppress(DLMagicsError):
        region = context.load(remembers=False).region
        if table.instance_price("g4dn.xlarge", region):
            return region
    return _REGION


def list_rented_types(recipe: Recipe, speeds: Speeds, region: str) -> Iterator[RentedType]:
    """Yield each type with one GPU that can be launched and has a price in a region."""
    for known in instance_types.known_types().values():
        price = table.instance_price(known.type, region)
        if not price or known.retired or not known.runs_the_usual_image:
            continue
        if known.gpu in GPU_SPEED and known.gpu_count == 1:
            estimated = estimate_rate(
                known.gpu,
                known.gpu_count,
                known.vcpus,
                is_vgg=recipe.model in ("VGG16", "VGG19"),
                size=recipe.image_size,
            )
            rate = measured_rate(speeds, known.type) or estimated
            yield RentedType(known.type, rate, price.dollars)


def measured_rate(speeds: Speeds, kind: str) -> Range | None:
    """Return the images a second of earlier runs on a kind of host; None without one."""
    measured = [
        each.image for each in measured_speed.choose_alike(speeds.get(kind, ())) if each.image
    ]
    if not measured:
        return None
    return 1 / (_MEASURED[1] * max(measured)), 1 / (_MEASURED[0] * min(measured))


def mean_seconds(outcomes: Outcomes) -> float:
    """Return the middle of what work may take."""
    return fmean(each.seconds for each in outcomes)


def mean_dollars(outcomes: Outcomes) -> float:
    """Return the middle of what work may cost."""
    return fmean(each.dollars for each in outcomes)


def format_seconds(outcomes: Outcomes) -> str:
    """Return `17 min to 2 h 05 min`."""
    return _join(*(money.format_duration(each.seconds) for each in outcomes))


def format_dollars(outcomes: Outcomes) -> str:
    """Return `$0.21 to $1.30`."""
    return _join(*(money.format_dollars(each.dollars) for each in outcomes))


def _join(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"

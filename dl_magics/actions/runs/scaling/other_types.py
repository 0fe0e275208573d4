"""Types of instances on which a run is estimated to be cheaper or faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dl_magics.actions.runs.scaling.options import (
    LAUNCH_SECONDS,
    UPLINK,
    Outcomes,
    Photos,
    RentedType,
    format_dollars,
    format_seconds,
    mean_dollars,
    mean_seconds,
)
from dl_magics.core.scaling.fleet import Fleet, Work, predict


def propose_types(options: Mapping[str, Outcomes], region: str, here: str) -> str:
    """Return the cheapest and the fastest type with one GPU, as a line.

    `here` is the type on which the run would train.
    """
    cheapest = find_cheapest(options)
    fastest = min(options, key=lambda type_: mean_seconds(options[type_]))
    named = {"cheapest": cheapest, "fastest": fastest}
    if cheapest == fastest:
        named = {"cheapest and fastest": cheapest}
    texts = [f"{what} {_describe(type_, options, here)}" for what, type_ in named.items()]
    return f"instances with one GPU, estimated (on demand in {region}): {' · '.join(texts)}"


def compute_options(
    types: Sequence[RentedType], photos: Photos, serial: float
) -> dict[str, Outcomes]:
    """Return what a run takes on one instance of each type.

    `serial` are the seconds beside the features. The photos are copied to its disk first.
    """
    work = Work(images=photos.views, task_images=photos.views, serial=serial)

    def compute(each: RentedType, which: int) -> Fleet:
        copying = photos.images * photos.file_bytes / UPLINK[which]
        start = LAUNCH_SECONDS + copying
        return Fleet(workers=1, rate=each.rate[which], price=each.price, start=start)

    return {
        each.type: (predict(work, compute(each, 1)), predict(work, compute(each, 0)))
        for each in types
    }


def find_cheapest(options: Mapping[str, Outcomes]) -> str:
    """Return the type on which the run costs the least."""
    return min(options, key=lambda type_: mean_dollars(options[type_]))


def _describe(type_: str, options: Mapping[str, Outcomes], here: str) -> str:
    is_here = " (this one)" if type_ == here else ""
    return f"{type_}{is_here}: {format_seconds(options[type_])}, {format_dollars(options[type_])}"

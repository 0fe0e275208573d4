"""Types of instances on which a run is estimated to be cheaper or faster."""

from __future__ import annotations

from collections.abc import Iterator

from dl_magics.aws import instance_types
from dl_magics.aws.pricing import table
from dl_magics.core import money
from dl_magics.core.scaling.fleet import Fleet, Outcome, Work, predict
from dl_magics.core.scaling.rates import GPU_SPEED, estimate_rate
from dl_magics.training.recipe.recipe import Recipe

REGION = "us-east-1"
_LAUNCH_SECONDS = 180.0

# Of a type, what the run takes at the high rate and at the low one.
Options = dict[str, tuple[Outcome, Outcome]]


def propose_types(recipe: Recipe, images: int, serial: float, here: str) -> str:
    """Return the cheapest and the fastest type with one GPU, as a line; "" without a price.

    `serial` are the seconds beside the features, `here` is the type on which the run would train.
    """
    options = dict(_list_options(recipe, images, serial))
    if not options:
        return ""
    cheapest = min(options, key=lambda type_: sum(each.dollars for each in options[type_]))
    fastest = min(options, key=lambda type_: sum(each.seconds for each in options[type_]))
    named = {"cheapest": cheapest, "fastest": fastest}
    if cheapest == fastest:
        named = {"cheapest and fastest": cheapest}
    texts = [f"{what} {_describe(type_, options, here)}" for what, type_ in named.items()]
    return f"instances with one GPU, estimated (on demand in {REGION}): {' · '.join(texts)}"


def _list_options(
    recipe: Recipe, images: int, serial: float
) -> Iterator[tuple[str, tuple[Outcome, Outcome]]]:
    work = Work(images=images, serial=serial)
    for known in instance_types.known_types().values():
        price = table.instance_price(known.type, REGION)
        if not price or known.retired or not known.runs_the_usual_image:
            continue
        if known.gpu not in GPU_SPEED or known.gpu_count != 1:
            continue
        low, high = estimate_rate(
            known.gpu,
            known.gpu_count,
            known.vcpus,
            is_vgg=recipe.model in ("VGG16", "VGG19"),
            size=recipe.image_size,
        )
        fleets = [
            Fleet(workers=1, rate=rate, price=price.dollars, start=_LAUNCH_SECONDS)
            for rate in (high, low)
        ]
        yield known.type, (predict(work, fleets[0]), predict(work, fleets[1]))


def _describe(type_: str, options: Options, here: str) -> str:
    low, high = options[type_]
    times = " to ".join(money.format_duration(each.seconds) for each in (low, high))
    dollars = " to ".join(money.format_dollars(each.dollars) for each in (low, high))
    return f"{type_}{' (this one)' if type_ == here else ''}: {times}, {dollars}"

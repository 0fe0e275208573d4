"""Time, memory and price of a run before it starts, each as a range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.runs import measured_speed
from dl_magics.actions.runs.measured_speed import Speed
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.actions.runs.scaling import host_speed, options, proposal
from dl_magics.actions.runs.scaling.proposal import NONE, Proposal
from dl_magics.aws import instance_types
from dl_magics.core import money, table
from dl_magics.core.scaling.rates import Range
from dl_magics.data.folders import ImageFolder, find_images
from dl_magics.errors import BadData, BadSetting
from dl_magics.training.engine.fine_tuning import trained_weights
from dl_magics.training.recipe.recipe import Recipe

_START, _EPOCH_IMAGE, _END = (8.0, 60.0), (1e-4, 5e-3), (1.0, 10.0)
# An image in an epoch in which layers of the network are trained, in passes of the whole network.
_UNFROZEN = (0.05, 4.0)
_MEASURED = (0.8, 1.3)
_LEAST_SECONDS = 30
_FEATURE_BYTES, _LIVE_BYTES, _MOST_FEATURES = 4, 4 * 4 * 64, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run will need: `images` are those for training and validation, None if unknown.

    Without the images, times are those of 1,000. `seconds` of all, `parts` of each phase.
    """

    subject: str
    images: tuple[int, int] | None
    seconds: Range
    parts: Mapping[str, Range]
    basis: str
    memory: str
    trained: str = ""
    price: float | None = None
    price_day: str = ""
    budget: float | None = None
    others: Proposal = NONE

    @property
    def dollars(self) -> Range | None:
        """What its instance costs meanwhile; None on none."""
        if not self.price:
            return None
        low, high = self.seconds
        return self.price * low / 3600, self.price * high / 3600

    @property
    def lines(self) -> list[str]:
        """The estimate, line by line."""
        count = "for 1,000 images" if self.images is None else ""
        parts = ", ".join(f"{name} {_format(each)}" for name, each in self.parts.items())
        return [
            self.subject,
            f"time: {_format(self.seconds)} {count}".rstrip() + f" ({parts})",
            f"speed: {self.basis}",
            *([f"trained: {self.trained}"] if self.trained else []),
            f"memory: {self.memory}",
            f"price: {self._price_text()}",
            *self.others.lines,
        ]

    @property
    def sentence(self) -> str:
        """What is said where a run with a budget starts."""
        low, high = self.dollars or (0.0, 0.0)
        budget = self.budget or 0.0
        whole = "the whole run" if high <= budget else "at least a part of the run"
        if low > budget:
            whole = "a part of the images, and the run ends by it"
        return f"Predicted: {self._price_text()}; the budget of {money.format_dollars(budget)} " + (
            f"is for {whole}. {self.basis}"
        )

    def _price_text(self) -> str:
        if not self.dollars:
            return "nothing on this computer" if self.price is None else "unknown"
        low, high = map(money.format_dollars, self.dollars)
        day = f" ({self.price_day})" if self.price_day else ""
        return f"{low} to {high} at {money.format_per_hour(self.price)}{day}"

    def __repr__(self) -> str:
        return table.format_text("\n".join(self.lines), self.others.heads, self.others.rows)

    def _repr_html_(self) -> str:
        return table.format_html("\n".join(self.lines), self.others.heads, self.others.rows)


def check_budget(recipe: Recipe, place: TrainingPlace) -> None:
    """Check that the budget of a recipe can end a run: raise BadSetting where it cannot."""
    if recipe.budget is None:
        return
    price = place.host.get("dollars_per_hour")
    if not price:
        where = "the price of the host is not known" if place.kernel else "this computer costs none"
        raise BadSetting(
            f"budget = {recipe.budget:g}: a budget is in dollars, and {where}.",
            fix='Limit the time: max_duration = "30m" · or %gpu_connect an instance of EC2.',
        )
    seconds = recipe.budget / price * 3600
    if seconds < _LEAST_SECONDS:
        least = price * _LEAST_SECONDS / 3600
        raise BadSetting(
            f"budget = {recipe.budget:g} is {seconds:.0f} s of {place.host['name']} at "
            f"{money.format_per_hour(price)}: too little to start, train and save a model.",
            fix=f"budget = {least * 1.05:.4f} or more",
        )


def estimate_run(recipe: Recipe, place: TrainingPlace, *, proposes: bool = True) -> Estimate:
    """Return what a run will need at a place, by earlier runs, or by the kind of its device.

    If it `proposes`, it says for a long run what other instances would take.
    """
    host, found = place.host, _find_images(recipe)
    images = (len(found.train), len(found.valid)) if found else None
    train, valid = images or (1000, 0)
    views = train * (1 + recipe.augment) + valid
    all_speeds = measured_speed.read_speeds(recipe)
    speeds = host_speed.choose_speeds(recipe, all_speeds, host)
    image = _span(each.image for each in speeds) or host_speed.guess_image_seconds(recipe, host)
    # An augment function needs each image computed in each epoch.
    flow = image if recipe.augment_function else (0.0, 0.0)
    epoch_image = _span(each.epoch_image for each in speeds) or _add(_EPOCH_IMAGE, flow)
    least_epochs = min(recipe.epochs, recipe.patience + 1)
    unfrozen = {}
    if recipe.trains_network:
        guess = _add(_scale(image, *_UNFROZEN), flow)
        step = _span(each.unfrozen_image for each in speeds) or guess
        trained = train * recipe.unfreeze_epochs
        unfrozen = {"unfrozen": _scale(step, trained, trained)}
    parts = {
        "start": _span(each.start for each in speeds) or _START,
        "features": _scale(image, views, views),
        "head": _scale(epoch_image, train * least_epochs, train * recipe.epochs),
        **unfrozen,
        "saving": _span(each.end for each in speeds) or _END,
    }
    seconds = sum(low for low, _ in parts.values()), sum(high for _, high in parts.values())
    others = NONE
    if found and proposes:
        serial = (sum(parts["head"]) + sum(parts["saving"])) / 2
        photos = options.measure_photos(found, recipe)
        others = proposal.propose(
            recipe, photos, all_speeds, host, seconds=seconds[1], serial=serial
        )
    return Estimate(
        subject=_describe(recipe, images, _name_host(host)),
        images=images,
        seconds=seconds,
        parts=parts,
        basis=_describe_basis(recipe, str(host.get("type", "")), speeds),
        memory=_describe_memory(recipe, views),
        trained=trained_weights.describe_trained(recipe),
        price=host.get("dollars_per_hour"),
        price_day=str(host.get("price_day", "")),
        budget=recipe.budget,
        others=others,
    )


def _find_images(recipe: Recipe) -> ImageFolder | None:
    """Return the images for training and validation; None where they are on the host only."""
    try:
        return find_images(recipe.data, valid=recipe.valid, sample=recipe.sample, seed=recipe.seed)
    except BadData:
        return None


def _span(seconds: Iterable[float | None]) -> Range | None:
    measured = [each for each in seconds if each is not None]
    return (_MEASURED[0] * min(measured), _MEASURED[1] * max(measured)) if measured else None


def _scale(seconds: Range, low: float, high: float) -> Range:
    return seconds[0] * low, seconds[1] * high


def _add(one: Range, other: Range) -> Range:
    return one[0] + other[0], one[1] + other[1]


def _name_host(host: Mapping[str, Any]) -> str:
    """Return the name of a host, with its GPUs if they are several."""
    name = str(host.get("name", "this computer"))
    known = instance_types.known_types().get(str(host.get("type", "")))
    return f"{name} ({known.gpu_text})" if known and known.gpu_count > 1 else name


def _describe(recipe: Recipe, images: tuple[int, int] | None, where: str) -> str:
    count = (
        f"{images[0]:,} + {images[1]:,} images"
        if images
        else f"the images of {recipe.data}, which are not on this computer"
    )
    network = f"{recipe.model_name} at {recipe.image_size} px"
    return f"{network}, {count}, {recipe.epochs} epochs, on {where}"


def _describe_basis(recipe: Recipe, type_: str, speeds: Sequence[Speed]) -> str:
    where = type_ or "this computer"
    kept = "Features that are kept are not computed again."
    if any(each.image for each in speeds):
        return f"Measured in {len(speeds)} runs of {recipe.model_name} on {where}. {kept}"
    return f"Estimated by the kind of device: no run of {recipe.model_name} on {where} yet. {kept}"


def _describe_memory(recipe: Recipe, views: int) -> str:
    size, width, most = recipe.image_size, trained_weights.count_features(recipe), ""
    if not width:
        width, most = _MOST_FEATURES, "up to "
    values = (size // 32) ** 2 * width if recipe.pooling is None else width
    features = views * values * _FEATURE_BYTES / 1e6
    image = size * size * _LIVE_BYTES / 2**20
    asked: Any = recipe.batch_size
    batch = (
        "the batch is as large as fits"
        if asked == "auto"
        else f"{_format_mib(asked * image)} for batches of {asked}"
    )
    return (
        f"{image:.0f} MiB of the device for each image of a batch, {batch}; the features take "
        f"{most}{features:,.1f} MB of disk and memory"
    )


def _format_mib(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _format(seconds: Range) -> str:
    low, high = map(money.format_duration, seconds)
    return low if low == high else f"{low} to {high}"

"""How fast the host is on which a run would train: as measured there, else by its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from dl_magics.actions.keras import settings
from dl_magics.actions.runs import measured_speed
from dl_magics.actions.runs.measured_speed import Speed, Speeds
from dl_magics.aws import instance_types
from dl_magics.core.scaling.rates import Range, count_used_gpus, estimate_rate
from dl_magics.errors import DLMagicsError
from dl_magics.training.recipe.recipe import Recipe


def choose_speeds(recipe: Recipe, speeds: Speeds, host: Mapping[str, Any]) -> Sequence[Speed]:
    """Return the speeds of earlier runs on this kind of host, on as many devices as it will use."""
    known = instance_types.known_types().get(str(host.get("type", "")))
    several = known is not None and known.gpu_count > 1
    devices = int(_count_gpus(recipe, str(host.get("type", "")))) if several else None
    found = speeds.get(measured_speed.describe_kind(host), ())
    return measured_speed.choose_alike(found, devices)


def guess_image_seconds(recipe: Recipe, host: Mapping[str, Any]) -> Range:
    """Return the seconds for an image by the kind of the device, shared among the hosts of a crew.

    Without a type it is a processor with four cores.
    """
    type_ = str(host.get("each_type", host.get("type", "")))
    known = instance_types.known_types().get(type_)
    low, high = estimate_rate(
        known.gpu if known else "",
        _count_gpus(recipe, type_),
        known.vcpus if known else 4,
        is_vgg=recipe.model in ("VGG16", "VGG19"),
        size=recipe.image_size,
    )
    hosts = int(host.get("count", 1))
    return 1 / high / hosts, 1 / low / hosts


def _count_gpus(recipe: Recipe, type_: str) -> float:
    """Return how many GPUs of a type a run uses; of several, PyTorch leaves all but one idle."""
    known = instance_types.known_types().get(type_)
    if known is None or known.gpu_count <= 1:
        return known.gpu_count if known else 0.0
    backend = recipe.backend
    with suppress(DLMagicsError):
        backend = backend or settings.training_backend(settings.show_settings())
    return count_used_gpus(known.gpu_count, backend or "")

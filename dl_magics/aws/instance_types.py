"""The bundled table of instance types: GPUs, memory, vCPUs; their prices are in `pricing`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files

from dl_magics.aws.pricing import table

# Graviton processors, AMD GPUs, and V100, which needs the proprietary driver.
_OTHER_IMAGE = ("g5g.", "g4ad.", "p3.", "p3dn.")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """An instance type. Where `gpu_count` is below 1, it has that fraction of one GPU."""

    type: str
    gpu: str
    gpu_count: float
    gpu_memory_gib: float
    vcpus: int
    memory_gib: float
    retired: bool = False

    @property
    def runs_the_usual_image(self) -> bool:
        """Whether the Deep Learning AMI of most types has the driver of its GPU."""
        return not self.type.startswith(_OTHER_IMAGE) and not 0 < self.gpu_count < 1

    @property
    def gpu_text(self) -> str:
        """The GPUs as text: `T4 16 GiB`, `4 × T4 16 GiB`, `1/8 L4 2.79 GiB`, or empty."""
        if not self.gpu:
            return ""
        count = "" if self.gpu_count == 1 else f"{self.gpu_count:g} × "
        if 0 < self.gpu_count < 1:
            count = f"{Fraction(self.gpu_count).limit_denominator(16)} "
        return f"{count}{self.gpu} {self.gpu_memory_gib:g} GiB"


def _retired_type(name: str, gpus: int, vcpus: int, memory: float) -> InstanceType:
    return InstanceType(
        type=name,
        gpu="K80",
        gpu_count=gpus,
        gpu_memory_gib=12,
        vcpus=vcpus,
        memory_gib=memory,
        retired=True,
    )


@cache
def known_types() -> dict[str, InstanceType]:
    """Return all types of the table by name, including the retired p2 types."""
    lines = files(__package__).joinpath("instance_types.csv").read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    known = {row["instance_type"]: _parse_row(row) for row in rows}
    for kind in (
        _retired_type("p2.xlarge", 1, 4, 61),
        _retired_type("p2.8xlarge", 8, 32, 488),
        _retired_type("p2.16xlarge", 16, 64, 732),
    ):
        known[kind.type] = kind
    return known


def gpu_text(type_: str) -> str:
    """Return the GPUs of a type as text; empty if it has none or is not in the table."""
    kind = known_types().get(type_)
    return kind.gpu_text if kind else ""


def listed_price(type_: str, region: str | None) -> float | None:
    """Return the dollars an hour from the table, or None if it lacks the type or region."""
    price = table.instance_price(type_, region)
    return price.dollars if price else None


def nearest_type(type_: str, region: str | None) -> InstanceType | None:
    """Return the cheapest current type with at least as many GPUs and as much GPU memory."""
    wanted = known_types().get(type_)
    if wanted is None:
        return None
    fits = [
        (price, kind)
        for kind in known_types().values()
        if (price := listed_price(kind.type, region)) is not None
        and not kind.retired
        and kind.type != type_
        and kind.runs_the_usual_image
        and kind.gpu_count >= wanted.gpu_count
        and kind.gpu_memory_gib >= wanted.gpu_memory_gib
    ]
    return min(fits, key=lambda each: each[0])[1] if fits else None


def _parse_row(row: dict[str, str]) -> InstanceType:
    return InstanceType(
        type=row["instance_type"],
        gpu=row["gpu"],
        gpu_count=float(row["gpu_count"] or 0),
        gpu_memory_gib=float(row["gpu_memory_gib"] or 0),
        vcpus=int(row["vcpus"]),
        memory_gib=float(row["memory_gib"]),
    )

"""Which driver the GPU of a type needs."""

from __future__ import annotations

import pytest

from dl_magics.aws.types import drivers
from dl_magics.aws.types.type_facts import TypeFacts

OPEN = "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20260101"
PROPRIETARY = "Deep Learning Base Proprietary Nvidia Driver AMI (Amazon Linux 2) Version 71.6"


def facts(maker, accelerator, *, partial=False):
    return TypeFacts(
        type="x.large",
        vcpus=4,
        architectures=("x86_64",),
        maker=maker,
        accelerator=accelerator,
        partial_gpu=partial,
    )


@pytest.mark.parametrize(
    ("image", "type_", "why"),
    [
        (OPEN, facts("NVIDIA", "T4"), ""),
        (OPEN, facts("NVIDIA", "B200"), ""),
        (OPEN, facts("", ""), ""),
        ("ubuntu-noble-24.04", facts("NVIDIA", "V100"), ""),
        (PROPRIETARY, facts("NVIDIA", "V100"), ""),
        (OPEN, facts("NVIDIA", "V100"), "open kernel modules, which do not support the V100"),
        (OPEN, facts("NVIDIA", "M60"), "do not support the M60"),
        (PROPRIETARY, facts("NVIDIA", "B200"), "proprietary kernel modules"),
        (OPEN, facts("NVIDIA", "L4", partial=True), "GRID driver"),
        (OPEN, facts("AMD", "Radeon Pro V520"), "AMD Radeon Pro V520"),
        (OPEN, facts("AWS Neuron", "accelerators"), "no Deep Learning AMI has a driver"),
    ],
)
def test_an_image_fits_a_type_if_its_driver_supports_the_gpu(image, type_, why):
    found = drivers.find_misfit(drivers.name_driver(image), type_)

    assert why in found
    assert bool(why) == bool(found)

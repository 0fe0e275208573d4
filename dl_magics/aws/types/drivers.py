"""Which driver the GPU of a type needs, and which types no Deep Learning AMI has a driver for.

By "Deep Learning AMIs: supported GPU instances" and "NVIDIA drivers for your EC2 instance" in the
AWS documentation, and "Open GPU kernel modules" in NVIDIA's: those exist from Turing on, and from
Blackwell on there are no others. A part of a GPU needs the GRID driver.
"""

from __future__ import annotations

from typing import Literal

from dl_magics.aws.types.type_facts import TypeFacts

Driver = Literal["", "open", "proprietary"]
_BEFORE_TURING = ("K520", "K80", "M60", "V100")
_OPEN_ONLY = ("B200", "B300", "GB200", "GB300", "RTX PRO")


def name_driver(image_name: str) -> Driver:
    """Return which NVIDIA driver an image has, by its name; "" if that does not say."""
    name = image_name.lower()
    if "oss nvidia driver" in name:
        return "open"
    return "proprietary" if "proprietary nvidia driver" in name else ""


def needs_proprietary(facts: TypeFacts) -> bool:
    """Whether the open kernel modules do not support the GPU of a type."""
    return facts.maker == "NVIDIA" and facts.accelerator.startswith(_BEFORE_TURING)


def find_unsupported(facts: TypeFacts) -> str:
    """Return which accelerator of a type no Deep Learning AMI supports; empty if one does."""
    if not facts.maker:
        return ""
    if facts.maker != "NVIDIA":
        return f"{facts.maker} {facts.accelerator}, for which no Deep Learning AMI has a driver"
    if facts.partial_gpu:
        return (
            f"a part of an NVIDIA {facts.accelerator}, which needs NVIDIA's GRID driver: no Deep "
            "Learning AMI has it"
        )
    return ""


def find_misfit(driver: Driver, facts: TypeFacts) -> str:
    """Return why a driver does not work with the GPU of a type; empty if nothing is known."""
    if not driver or not facts.maker:
        return ""
    if why := find_unsupported(facts):
        return f"has NVIDIA's data centre driver, and {facts.type} has {why}"
    if driver == "open" and needs_proprietary(facts):
        return (
            f"has NVIDIA's open kernel modules, which do not support the {facts.accelerator} of "
            f"{facts.type}"
        )
    if driver == "proprietary" and facts.accelerator.startswith(_OPEN_ONLY):
        return (
            f"has NVIDIA's proprietary kernel modules, which do not support the "
            f"{facts.accelerator} of {facts.type}"
        )
    return ""

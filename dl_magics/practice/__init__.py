"""The practice cloud: EC2, S3 and SSH hosts on this computer. Only this package imports moto.

Each command of a host imports this package: what it offers is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_magics.practice.ec2.faults.table import FAULTS
    from dl_magics.practice.process import (
        PracticeCloud,
        find_cloud,
        find_foreign_port,
        start_cloud,
        stop_cloud,
    )
    from dl_magics.practice.profile import REGION, PracticeProfile, ensure_profile, has_ended

__all__ = [
    "FAULTS",
    "REGION",
    "PracticeCloud",
    "PracticeProfile",
    "ensure_profile",
    "find_cloud",
    "find_foreign_port",
    "has_ended",
    "start_cloud",
    "stop_cloud",
]
_MODULES = {
    "FAULTS": "ec2.faults.table",
    **dict.fromkeys(("REGION", "PracticeProfile", "ensure_profile", "has_ended"), "profile"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'process')}"), name)

"""The practice cloud: EC2, S3 and SSH hosts on this computer. Only this package imports moto."""

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

"""The practice cloud: an EC2 API and SSH hosts on your own computer. The only user of moto."""

from dl_magics.practice.ec2.faults import FAULTS
from dl_magics.practice.process import Practice, find, start, stop
from dl_magics.practice.profile import Profile, profile

__all__ = ["FAULTS", "Practice", "Profile", "find", "profile", "start", "stop"]

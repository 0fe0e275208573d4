"""The options of a launch as they were typed, checked before AWS is asked for anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from dl_magics.actions.aws.guard.limits import LimitOptions
from dl_magics.errors import BadSetting
from dl_magics.ssh import target

MIN_DISK_GIB = 100
LARGEST_DISK_GIB = 65_536
"""The largest volume of type gp3, by "CreateVolume" in the EC2 API reference."""

# A tag has at most 256 characters, and those of a crew end in a number.
_LONGEST_NAME = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What was typed about an instance; None stands for an option that was not typed."""

    image: str | None = None
    user: str | None = None
    disk_gib: int | None = None
    zone: str | None = None
    subnet: str | None = None
    limits: LimitOptions = field(default_factory=LimitOptions)

    def check(self) -> None:
        """Raise BadSetting for a value that no instance can have."""
        if self.disk_gib is not None and not 1 <= self.disk_gib <= LARGEST_DISK_GIB:
            raise BadSetting(
                f"--disk {self.disk_gib}: a disk has 1 to {LARGEST_DISK_GIB:,} GiB.",
                fix=f"--disk 200 · without --disk it has {MIN_DISK_GIB} GiB.",
            )
        if self.user is not None and not target.is_user(self.user):
            raise BadSetting(
                f"--user {self.user!r:.60} is not a user name.",
                fix="--user ubuntu · without --user it is the login user of the image.",
            )
        self.limits.resolve(None)


def check_name(name: str, type_: str) -> None:
    """Raise BadSetting for what cannot be the name of an instance."""
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise BadSetting(
            f"--name {name!r:.60} is not a name: it has 1 to {_LONGEST_NAME} characters.",
            fix=f"%aws_launch {type_} --name my-gpu",
        )

"""An AWS profile: its region and its configuration files."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from dl_magics.store.state import ProfileSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsProfile(ProfileSettings):
    """The settings of a profile, completed by the AWS configuration of this computer."""

    @classmethod
    def from_settings(cls, settings: ProfileSettings) -> AwsProfile:
        """Return the profile with these settings of the state."""
        return cls(**asdict(settings))

    @property
    def name(self) -> str:
        """The profile's name; `default` if neither the settings nor AWS_PROFILE has one."""
        return self.profile or os.environ.get("AWS_PROFILE") or "default"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that select this profile for the aws command."""
        variables = {
            "AWS_CONFIG_FILE": self.config_file,
            "AWS_SHARED_CREDENTIALS_FILE": self.credentials_file,
            "AWS_PROFILE": self.profile,
            "AWS_DEFAULT_REGION": self.region,
        }
        return {name: value for name, value in variables.items() if value}

    def names_same_account(self, other: AwsProfile) -> bool:
        """Return whether both have the same profile, region and configuration files."""
        fields = ("profile", "region", "config_file", "credentials_file")
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def cache_key(self) -> tuple[object, ...]:
        """Return a value that changes when the credentials may have changed."""
        files = (
            self.config_file or os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
            self.credentials_file
            or os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        )
        # Filter by name first: os.environ decodes each value that is read.
        names = sorted(name for name in os.environ if name.startswith("AWS_"))
        return (*map(_changed_at, files), *((name, os.environ[name]) for name in names))


def _changed_at(file: str) -> int:
    try:
        return Path(file).expanduser().stat().st_mtime_ns
    except OSError:
        return 0

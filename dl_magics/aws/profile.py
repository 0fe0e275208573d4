"""Where instances are rented: an AWS profile, a region, and the files that both come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dl_magics.store import state

ADDRESS_URL = "https://checkip.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a person chose; None leaves the choice to the AWS settings of this computer."""

    profile: str | None = None
    region: str | None = None
    config_file: str | None = None
    credentials_file: str | None = None
    ssh_config: str | None = None
    address_url: str = ADDRESS_URL

    @classmethod
    def chosen(cls) -> Place:
        """Return the place that `%aws_profile`, `%aws_region` and `%practice` chose."""
        chosen = state.choices().get("place", {})
        return cls(**{key: chosen[key] for key in cls.__slots__ if chosen.get(key)})

    @property
    def name(self) -> str:
        """The profile's name, also where the person left it to AWS's own settings."""
        return self.profile or os.environ.get("AWS_PROFILE") or "default"

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the aws command goes to the same place."""
        variables = {
            "AWS_CONFIG_FILE": self.config_file,
            "AWS_SHARED_CREDENTIALS_FILE": self.credentials_file,
            "AWS_PROFILE": self.profile,
            "AWS_DEFAULT_REGION": self.region,
        }
        return {name: value for name, value in variables.items() if value}

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when the credentials may have changed: new keys count at once."""
        files = (
            self.config_file or os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
            self.credentials_file
            or os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        )
        # Only names: os.environ decodes each value that is asked for.
        names = sorted(name for name in os.environ if name.startswith("AWS_"))
        return (*map(_changed_at, files), *((name, os.environ[name]) for name in names))


def _changed_at(file: str) -> int:
    try:
        return Path(file).expanduser().stat().st_mtime_ns
    except OSError:
        return 0

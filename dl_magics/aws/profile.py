"""An AWS profile: its region, its configuration files, and the variables that bear on it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dl_magics.store.state import ProfileSettings

# In the order of boto3 and of the AWS CLI. boto3 does not read AWS_REGION, the CLI does.
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS, _IGNORE = "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsProfile(ProfileSettings):
    """The settings of a profile, completed by the AWS configuration of this computer."""

    @classmethod
    def from_settings(cls, settings: ProfileSettings) -> AwsProfile:
        """Return the profile with these settings of the state."""
        return cls(**asdict(settings))

    @property
    def name(self) -> str:
        """The profile's name; `default` if neither the settings nor the environment has one."""
        return self._named_profile or "default"

    @property
    def _named_profile(self) -> str | None:
        return self.profile or next(filter(None, map(os.environ.get, _PROFILE_VARIABLES)), None)

    @property
    def named_region(self) -> str | None:
        """The region of the settings, else of the environment; None leaves it to the profile."""
        return self.region or next(filter(None, map(os.environ.get, _REGION_VARIABLES)), None)

    def named(self) -> AwsProfile:
        """Return this profile for another process: with what the environment of this one names."""
        return replace(self, profile=self._named_profile, region=self.named_region)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that select this profile for the aws command."""
        variables = {
            "AWS_CONFIG_FILE": self.config_file,
            "AWS_SHARED_CREDENTIALS_FILE": self.credentials_file,
            **dict.fromkeys(_PROFILE_VARIABLES, self._named_profile),
            "AWS_DEFAULT_REGION": self.region,
        }
        return {name: value for name, value in variables.items() if value}

    @property
    def environment_endpoint(self) -> str | None:
        """The URL that the environment sets for EC2 in place of that of AWS."""
        if self.config_file or os.environ.get(_IGNORE, "").lower() == "true":
            return None
        return os.environ.get(f"{_ENDPOINTS}_EC2") or os.environ.get(_ENDPOINTS) or None

    def names_same_account(self, other: AwsProfile) -> bool:
        """Return whether both have the same profile, region and configuration files."""
        fields = ("profile", "region", "config_file", "credentials_file")
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def describe_variables(self) -> list[str]:
        """Return a sentence for each environment variable that does not do what it says, or does.

        A selected profile or region wins over its variable. A profile with its own configuration
        file, as that of the practice cloud, has its own endpoint and needs no proxy.
        """
        return [*self._unused_selections(), *self._endpoints()]

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

    def _unused_selections(self) -> list[str]:
        selected = [(name, self.profile, "%aws_profile", "profile") for name in _PROFILE_VARIABLES]
        selected += [(name, self.region, "%aws_region", "region") for name in _REGION_VARIABLES]
        found = [
            f"{name}={os.environ[name]} is not used: the {what} {value} is selected "
            f"({magic} {os.environ[name]} selects the other)"
            for name, value, magic, what in selected
            if value and os.environ.get(name, value) != value
        ]
        if os.environ.get("AWS_ACCESS_KEY_ID"):
            found.append(
                f"AWS_ACCESS_KEY_ID is not used: the profile {self.profile} is selected"
                if self.profile
                else "AWS_ACCESS_KEY_ID is used, not the credentials of a profile"
            )
        return found

    def _endpoints(self) -> list[str]:
        endpoints = sorted(name for name in os.environ if name.startswith(_ENDPOINTS))
        ignored = os.environ.get(_IGNORE, "").lower() == "true"
        if self.config_file:
            unused = [*endpoints, *([_IGNORE] if ignored else []), *_proxy_variables()]
            return [f"{name} is not used: {self.name} has its own endpoint" for name in unused]
        if ignored:
            return [f"{name} is not used, because {_IGNORE}=true" for name in endpoints]
        return [
            f"{name}={os.environ[name]} is used: its calls do not go to AWS" for name in endpoints
        ]


def _proxy_variables() -> list[str]:
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
    return [name for name in names if os.environ.get(name)]


def _changed_at(file: str) -> int:
    try:
        return Path(file).expanduser().stat().st_mtime_ns
    except OSError:
        return 0

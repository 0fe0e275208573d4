"""The AWS profile and the ssh_config file through which programs use the practice cloud."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from dl_magics.practice.process import api_url, find_cloud
from dl_magics.store import atomic

PROFILE_NAME = "practice"
SSH_CONFIG = "ssh_config"
REGION = "us-east-1"


@dataclass(frozen=True)
class PracticeProfile:
    """The configuration files of the practice cloud, and their main values."""

    name: str
    region: str
    endpoint_url: str
    config_file: Path
    credentials_file: Path
    ssh_config: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that select the profile in AWS SDKs and the AWS CLI."""
        return {
            "AWS_CONFIG_FILE": str(self.config_file),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_PROFILE": self.name,
        }


def ensure_profile(folder: Path) -> PracticeProfile:
    """Return the profile of the practice cloud in `folder`; write the files that differ."""
    folder = folder.absolute()
    made = PracticeProfile(
        name=PROFILE_NAME,
        region=REGION,
        endpoint_url=api_url(folder),
        config_file=folder / "aws" / "config",
        credentials_file=folder / "aws" / "credentials",
        ssh_config=folder / SSH_CONFIG,
    )
    config = f"[profile {PROFILE_NAME}]\nregion = {REGION}\nendpoint_url = {made.endpoint_url}\n"
    _write_if_changed(made.config_file, config)
    return made


def has_ended(profile: str | None, config_file: str) -> bool:
    """Return whether this is the profile of a practice cloud that is not running."""
    folder = Path(config_file).parents[1]
    is_practice = profile == PROFILE_NAME and (folder / SSH_CONFIG).exists()
    return is_practice and find_cloud(folder) is None


def issue_access_key(made: PracticeProfile) -> tuple[str, str]:
    """Replace the access key of the profile; return its id and its secret."""
    key, secret = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    credentials = f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    atomic.replace(made.credentials_file, f"[{made.name}]\n{credentials}")
    return key, secret


def _write_if_changed(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        atomic.replace(file, text)

"""All that a program must know to use the practice cloud: an AWS profile and an ssh_config file."""

from __future__ import annotations

import configparser
import secrets
from dataclasses import dataclass
from pathlib import Path

from dl_magics.practice.process import address
from dl_magics.store import atomic

NAME = "practice"
REGION = "us-east-1"


@dataclass(frozen=True)
class Profile:
    """The files of the practice cloud that other programs read, and what is in them."""

    name: str
    region: str
    endpoint_url: str
    config_file: Path
    credentials_file: Path
    ssh_config: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the SDKs and the aws command to the practice cloud."""
        return {
            "AWS_CONFIG_FILE": str(self.config_file),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials_file),
            "AWS_PROFILE": self.name,
        }


def profile(folder: Path) -> Profile:
    """Return the profile of the practice cloud in `folder`; write it where it is not right."""
    folder = folder.absolute()
    made = Profile(
        name=NAME,
        region=REGION,
        endpoint_url=address(folder),
        config_file=folder / "aws" / "config",
        credentials_file=folder / "aws" / "credentials",
        ssh_config=folder / "ssh_config",
    )
    config = f"[profile {NAME}]\nregion = {REGION}\nendpoint_url = {made.endpoint_url}\n"
    _put(made.config_file, config)
    if not made.credentials_file.exists():
        key, secret = secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
        credentials = f"aws_access_key_id = AKIA{key}\naws_secret_access_key = {secret}\n"
        _put(made.credentials_file, f"[{NAME}]\n{credentials}")
    return made


def access_key(made: Profile) -> str:
    """Return the access key id that the practice cloud knows."""
    credentials = configparser.ConfigParser()
    credentials.read(made.credentials_file)
    return credentials[made.name]["aws_access_key_id"]


def _put(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        atomic.replace(file, text)

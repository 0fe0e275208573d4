"""The choices that stay: profile, region, who may come in."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dl_magics.actions.aws.context import load_profile
from dl_magics.aws import security_group
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession
from dl_magics.errors import BadSetting, NoRegion
from dl_magics.store import state


def select_profile(profile: str | None, ssh_config: str | None, address_url: str | None) -> None:
    """Choose another profile, ssh_config file or address service."""
    changes: dict[str, Any] = {}
    if profile:
        changes = {"profile": profile, "region": None}
    if ssh_config:
        changes["ssh_config"] = None if ssh_config == "none" else _file(ssh_config)
    if address_url:
        changes["address_url"] = state.ADDRESS_URL if address_url == "none" else address_url
    selected = replace(load_profile(), **changes)
    AwsSession.open(selected)
    _keep(selected)


def select_region(region: str) -> None:
    """Choose a region, if the account has it."""
    known = {each["RegionName"] for each in AwsSession.open(load_profile()).list_regions()}
    if region not in known:
        raise NoRegion(
            f"'{region}' is no region of this account.", fix=f"One of: {', '.join(sorted(known))}"
        )
    _keep(replace(load_profile(), region=region))


def list_profiles() -> str:
    """Return the profiles of this computer, the chosen one marked."""
    selected = load_profile()
    names = AwsSession.open(selected).list_profiles()
    lines = [f"{'→' if name == selected.name else ' '} {name}" for name in names]
    return "\n".join(lines) or "No AWS profile here yet: aws configure · or %practice on"


def set_allow_from(sources: list[str]) -> None:
    """Remember who may come in; `me` means just this computer, wherever it is."""
    ranges = [] if sources == ["me"] else [security_group.parse_range(each) for each in sources]
    state.update(lambda remembered: replace(remembered, allow_from=tuple(ranges)))


def _keep(profile: AwsProfile) -> None:
    settings = state.ProfileSettings(**asdict(profile))
    state.update(lambda remembered: replace(remembered, profile=settings))


def _file(named: str) -> str:
    path = Path(named).expanduser()
    if not path.is_file():
        raise BadSetting(f"There is no file {path}.", fix="%aws_profile --ssh-config ~/.ssh/config")
    return str(path.absolute())

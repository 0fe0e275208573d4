"""The choices that stay: profile, region, who may come in."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dl_magics.actions.aws import context
from dl_magics.aws import security_group
from dl_magics.aws.profile import ADDRESS_URL, Place
from dl_magics.aws.session import Door
from dl_magics.errors import BadSetting, NoRegion
from dl_magics.store import state


def use(profile: str | None, ssh_config: str | None, address_url: str | None) -> None:
    """Choose another profile, ssh_config file or address service."""
    changes: dict[str, Any] = {}
    if profile:
        changes = {"profile": profile, "region": None}
    if ssh_config:
        changes["ssh_config"] = None if ssh_config == "none" else _file(ssh_config)
    if address_url:
        changes["address_url"] = ADDRESS_URL if address_url == "none" else address_url
    place = replace(context.place(), **changes)
    Door.of(place)
    _keep(place)


def go_to(region: str) -> None:
    """Choose a region, if the account has it."""
    known = {each["RegionName"] for each in Door.of(context.place()).regions()}
    if region not in known:
        raise NoRegion(
            f"'{region}' is no region of this account.", fix=f"One of: {', '.join(sorted(known))}"
        )
    _keep(replace(context.place(), region=region))


def profiles() -> str:
    """Return the profiles of this computer, the chosen one marked."""
    place = context.place()
    names = Door.of(place).profiles()
    lines = [f"{'→' if name == place.name else ' '} {name}" for name in names]
    return "\n".join(lines) or "No AWS profile here yet: aws configure · or %practice on"


def allow(sources: list[str]) -> None:
    """Remember who may come in; `me` means just this computer, wherever it is."""
    ranges = None if sources == ["me"] else [security_group.checked(each) for each in sources]
    state.choose(allow_from=ranges)


def _keep(place: Place) -> None:
    state.choose(place={key: value for key, value in asdict(place).items() if value})


def _file(named: str) -> str:
    path = Path(named).expanduser()
    if not path.is_file():
        raise BadSetting(f"There is no file {path}.", fix="%aws_profile --ssh-config ~/.ssh/config")
    return str(path.absolute())

"""Select the profile, region, ssh_config file and address ranges, here and for new notebooks."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dl_magics.actions.aws import selection
from dl_magics.actions.aws.context import Context, load_profile
from dl_magics.aws.network import own_address
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession
from dl_magics.errors import BadSetting
from dl_magics.store import state


def select_profile(
    profile: str | None, ssh_config: str | None, address_url: str | None, *, store: bool = True
) -> None:
    """Select a profile, an ssh_config file or an address service; None keeps the current one.

    `none` resets `ssh_config` and `address_url`. Without `store` the values are only checked.
    """
    changes: dict[str, Any] = {}
    if profile:
        changes = {"profile": profile, "region": None}
    if ssh_config:
        changes["ssh_config"] = None if ssh_config == "none" else _existing_file(ssh_config)
    if address_url:
        changes["address_url"] = state.ADDRESS_URL if address_url == "none" else address_url
    selected = replace(load_profile(), **changes)
    AwsSession.open(selected)
    if store:
        _keep(selected)


def select_region(region: str, *, store: bool = True) -> None:
    """Select a region; raise NoRegion if the account does not have it.

    Without `store` it is only checked.
    """
    AwsSession.open(load_profile()).check_region(region)
    if store:
        _keep(replace(load_profile(), region=region))


def list_profiles() -> str:
    """Return the profiles of the AWS configuration, one a line; an arrow marks the selected one."""
    selected = load_profile()
    names = AwsSession.open(selected).list_profiles()
    lines = [f"{'→' if name == selected.name else ' '} {name}" for name in names]
    if not lines:
        lines = ["No AWS profile is configured. In a terminal: aws configure · or %practice on"]
    return "\n".join([*lines, *selected.describe_variables()])


def describe_region(context: Context) -> str:
    """Return the profile and region, and what environment variables have to do with them."""
    return "\n".join([context.profile_and_region, *context.profile.describe_variables()])


def allow_from(context: Context, sources: list[str]) -> Context:
    """Return the context with these address ranges for SSH.

    `me` is the current address of this computer.
    """
    ranges = () if sources == ["me"] else tuple(map(own_address.parse_range, sources))
    return replace(context, allow_from=ranges)


def store_allow_from(context: Context) -> None:
    """Store the address ranges of a context for later, once what they are for was confirmed."""
    state.update(lambda remembered: replace(remembered, allow_from=context.allow_from))


def _keep(profile: AwsProfile) -> None:
    settings = state.ProfileSettings(**asdict(profile))
    selection.update(lambda remembered: replace(remembered, profile=settings))


def _existing_file(name: str) -> str:
    path = Path(name).expanduser()
    if not path.is_file():
        raise BadSetting(
            f"The ssh_config file {path} does not exist.",
            fix="%aws_profile --ssh-config ~/.ssh/config",
        )
    return str(path.absolute())

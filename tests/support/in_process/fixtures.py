"""An empty AWS account in this process, for a test of the API itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dl_magics.actions.aws import access, context, instances, selection
from dl_magics.actions.aws.guard import limits
from dl_magics.aws import ec2, session
from dl_magics.aws.pricing import prices
from dl_magics.store import state

if TYPE_CHECKING:
    from support.in_process.world import Account

PORT = 20001
ADDRESS = "data:,198.51.100.7"


def write_profile(folder: Path, account: Account, name: str = "uni") -> state.ProfileSettings:
    """Write the AWS configuration of a profile of an account; return its settings."""
    from support.in_process.world import KEY

    config, credentials = folder / f"{name}.config", folder / f"{name}.credentials"
    if not config.exists():
        config.write_text(f"[profile {name}]\nendpoint_url = {account.url}\n")
        credentials.write_text(
            f"[{name}]\naws_access_key_id = {KEY.id}\naws_secret_access_key = {KEY.secret}\n"
        )
    return state.ProfileSettings(
        profile=name,
        region="us-east-1",
        config_file=str(config),
        credentials_file=str(credentials),
        address_url=ADDRESS,
    )


class Clock:
    """Takes the place of the module `time`: who sleeps does not wait, but it is later then."""

    def __init__(self) -> None:
        self._later = 0.0

    def time(self) -> float:
        return time.time() + self._later

    def monotonic(self) -> float:
        return time.monotonic() + self._later

    def sleep(self, seconds: float) -> None:
        self._later += seconds


@pytest.fixture
def aws_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what waits for AWS and for SSH."""
    clock = Clock()
    for waits in (access, ec2, instances, limits, session):
        monkeypatch.setattr(waits, "time", clock)
    return clock


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    # moto takes a second to import.
    from support.in_process import world

    with world.patched_aws() as accounts:
        accounts[PORT] = world.open_account(tmp_path, PORT)
        yield accounts[PORT]
        world.close_account(accounts[PORT])


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the AWS configuration: boto3's clients are made once for each file in it."""
    return tmp_path_factory.mktemp("profiles")


@pytest.fixture
def uni(account: Account, profiles: Path, aws_clock: Clock) -> Account:
    """The account, selected by its profile: magics reach it."""
    settings = write_profile(profiles, account)
    selection.update(lambda before: replace(before, profile=settings))
    return account


@pytest.fixture
def account_or_cloud(request: pytest.FixtureRequest) -> Any:
    """Put an account in the place of the practice cloud, unless the test asks for its hosts.

    Its profile has the same name; each SSH connection to its instances succeeds.
    """
    if "cloud_with_hosts" in request.fixturenames:
        return request.getfixturevalue("cloud_with_hosts")
    prices._failed_at.clear()
    account, address = map(request.getfixturevalue, ("account", "address"))
    for name in ("ssh_commands", "aws_clock"):
        request.getfixturevalue(name)
    chosen = write_profile(request.getfixturevalue("profiles"), account, "practice")
    chosen = replace(chosen, address_url=address.url)
    selection.update(lambda before: replace(before, profile=chosen))
    return account


@pytest.fixture
def ssh_commands() -> Iterator[list[str]]:
    """The commands that are run over SSH; no host has a process."""
    from support.in_process.ssh import patched_ssh

    with patched_ssh() as commands:
        yield commands


@pytest.fixture
def in_account(uni: Account) -> context.Context:
    """What a magic works with in the account."""
    return context.load()

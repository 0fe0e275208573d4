"""An AWS account whose calls are counted, and the events that the monitors would push.

Modules that are covered by a test of another name:

elsewhere: tests/server/test_account.py
activity, guard_view: tests/server/monitors/test_guards.py
workers: tests/server/handlers/test_instances.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dl_magics.store import state
from dl_magics.store.state import ProfileSettings
from support.in_process.world import KEY, Account

_CONFIG = """\
[profile tests]
region = us-east-1
endpoint_url = {url}
aws_access_key_id = {key.id}
aws_secret_access_key = {key.secret}
"""


class Published:
    """Takes the place of the publisher, which needs a server: keeps what would be pushed."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def publish(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))

    def notify(self, kind: str, level: str, message: str, **about: Any) -> None:
        self.events.append(("notice", {"kind": kind, "level": level, "message": message, **about}))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == event]


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own for each test: no server is involved."""
    folder = tmp_path / "dl_magics_home"
    monkeypatch.setenv("DL_MAGICS_HOME", str(folder))
    return folder


@pytest.fixture
def selected_account(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An empty account, as the profile that new notebooks begin with."""
    config = tmp_path / "aws_config"
    config.write_text(_CONFIG.format(url=account.url, key=KEY))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    settings = ProfileSettings(profile="tests", region="us-east-1")
    state.update(lambda before: replace(before, profile=settings))
    return account


@pytest.fixture
def run_instance(selected_account: Account) -> Callable[..., str]:
    """Launch an instance as the AWS console would; return its id."""

    def run(type_: str = "g4dn.xlarge") -> str:
        client = selected_account.client()
        image = client.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        answer = client.run_instances(ImageId=image, InstanceType=type_, MinCount=1, MaxCount=1)
        return str(answer["Instances"][0]["InstanceId"])

    return run

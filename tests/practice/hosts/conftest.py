"""An instance that all tests of a file log in to; they leave it running.

Modules that are covered by a test of another name:

console, spec: tests/practice/hosts/test_hosts.py
sdk_settings: tests/actions/runs/test_remote_finetune.py
stdio: tests/practice/hosts/test_ssh_server.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncssh
import pytest

from dl_magics import practice
from support.ec2_client import ProfileRenter, use


@dataclass(frozen=True)
class RunningInstance:
    """An instance whose SSH answers, and who rents it."""

    id: str
    renter: ProfileRenter

    def run(self, command: str, **more: Any) -> asyncssh.SSHCompletedProcess:
        return self.renter.run(self.id, command, **more)

    def connect(self, **more: Any) -> Any:
        return self.renter.connect(self.id, **more)


@pytest.fixture(scope="module")
def instance(cloud: practice.PracticeCloud) -> Iterator[RunningInstance]:
    """A g5.xlarge with the user data `hello`."""
    with pytest.MonkeyPatch.context() as patch:
        renter = use(patch, practice.ensure_profile(cloud.folder))
        made = RunningInstance(renter.launch("g5.xlarge", UserData="hello"), renter)
        made.run("true")
        yield made
        renter.forget_everything()

"""Renting from the practice cloud with nothing but boto3 and SSH."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import asyncssh
import boto3
import botocore.session
import pytest
from botocore.config import Config

from dl_magics import practice
from dl_magics.aws.api_models import make_loader

IMAGE = (
    "/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.7-ubuntu-22.04/"
    "latest/ami-id"
)
ONE_TRY = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=5)
PATIENT = Config()
PATIENCE_SECONDS = 60


def until(fact: Callable[[], Any], *, is_cheap: bool = False) -> Any:
    """Wait for a fact that is on its way.

    To look costs more than to wait, an API call or a login: it is done the less often the longer
    it takes, up to a tenth later than each twentieth of a second would show it. What is cheap to
    look at, a file, is looked at each twentieth of a second.
    """
    begun = time.monotonic()
    while not (found := fact()):
        waited = time.monotonic() - begun
        assert waited < PATIENCE_SECONDS, f"never came true: {found}"
        time.sleep(0.05 if is_cheap else max(0.05, waited / 10))
    return found


def open_session(*keys: str, **settings: Any) -> boto3.Session:
    """Return a new session of boto3; the models of the APIs are read once per process."""
    session = botocore.session.Session()
    session.register_component("data_loader", make_loader(None))
    return boto3.Session(*keys, botocore_session=session, **settings)


@lru_cache(maxsize=32)
def _open_client(service: str, config: Config, region: str | None, *settings: str) -> Any:
    """Return a client, the same one while `settings` say the same."""
    return open_session().client(service, config=config, region_name=region)


class Renter:
    """Who rents with nothing but boto3."""

    def __init__(self) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")

    def client(self, service: str, config: Config = ONE_TRY, *, region: str | None = None) -> Any:
        """Return a client of the region, by default that of the profile."""
        raise NotImplementedError

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    def image(self) -> str:
        return str(self.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"])

    def launch(self, instance_type: str = "t2.micro", **more: Any) -> str:
        """Launch an instance, and wait until it runs."""
        instance_id = self.run_instances(instance_type, **more)["InstanceId"]
        self.until(instance_id, "running")
        return str(instance_id)

    def run_instances(self, instance_type: str = "t2.micro", **more: Any) -> Any:
        if not self.ec2.describe_key_pairs()["KeyPairs"]:
            public = self.key.export_public_key()
            self.ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public)
        asked = {"ImageId": self.image(), "MinCount": 1, "MaxCount": 1, "KeyName": "mine", **more}
        return self.ec2.run_instances(InstanceType=instance_type, **asked)["Instances"][0]

    def instance(self, instance_id: str) -> Any:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return found["Reservations"][0]["Instances"][0]

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])

    def until(self, instance_id: str, state: str) -> None:
        until(lambda: self.state(instance_id) == state)

    def stop(self, instance_id: str) -> None:
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.until(instance_id, "stopped")

    def start(self, instance_id: str) -> None:
        self.ec2.start_instances(InstanceIds=[instance_id])
        self.until(instance_id, "running")


class ProfileRenter(Renter):
    """Who rents from a running practice cloud through its profile, and logs in to its hosts."""

    def __init__(self, profile: practice.PracticeProfile) -> None:
        super().__init__()
        self.profile = profile

    def client(self, service: str, config: Config = ONE_TRY, *, region: str | None = None) -> Any:
        files = (self.profile.config_file, self.profile.credentials_file)
        return _open_client(service, config, region, *(file.read_text() for file in files))

    def connect(self, instance_id: str, **more: Any) -> Any:
        address = self.instance(instance_id)["PublicIpAddress"]
        options = {
            "username": "ubuntu",
            "client_keys": [self.key],
            "known_hosts": None,
            "config": [str(self.profile.ssh_config)],
            **more,
        }
        return asyncssh.connect(address, **options)

    def run(self, instance_id: str, command: str, **more: Any) -> asyncssh.SSHCompletedProcess:
        """Run a command on the instance, as soon as its SSH answers."""

        async def once() -> asyncssh.SSHCompletedProcess | None:
            try:
                async with self.connect(instance_id) as connection:
                    return await connection.run(command, **more)
            except ConnectionRefusedError:
                return None

        until(lambda: f" {instance_id}\n" in self.profile.ssh_config.read_text())
        return until(lambda: asyncio.run(once()))

    def host_key(self, instance_id: str) -> str:
        """Return the key that the host shows."""

        async def key() -> str:
            async with self.connect(instance_id) as connection:
                shown = connection.get_server_host_key().export_public_key()
                return " ".join(shown.decode().split()[:2])

        self.run(instance_id, "true")
        return asyncio.run(key())

    def forget_everything(self) -> None:
        """Terminate all instances, and delete the key pairs."""
        ec2 = self.client("ec2", PATIENT)
        found = [one for r in ec2.describe_instances()["Reservations"] for one in r["Instances"]]
        alive = [one["InstanceId"] for one in found if one["State"]["Name"] != "terminated"]
        if alive:
            ec2.terminate_instances(InstanceIds=alive)
        for each in alive:
            self.until(each, "terminated")
        for key in ec2.describe_key_pairs()["KeyPairs"]:
            ec2.delete_key_pair(KeyName=key["KeyName"])


def use(monkeypatch: pytest.MonkeyPatch, profile: practice.PracticeProfile) -> ProfileRenter:
    for name, value in profile.environment.items():
        monkeypatch.setenv(name, value)
    return ProfileRenter(profile)

"""The practice cloud, started once for each module of tests.

Modules that are covered by a test of another name:

__main__, profile, server: tests/practice/test_process.py
proof: tests/hostile/test_practice_impersonation.py
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dl_magics import practice
from support.ec2_client import PATIENT, Renter, use


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[practice.PracticeCloud]:
    folder = tmp_path_factory.mktemp("practice")
    yield practice.start_cloud(folder, delay=0.1, boot=0, tied=True)
    practice.stop_cloud(folder)


@pytest.fixture
def renter(monkeypatch: pytest.MonkeyPatch, cloud: practice.PracticeCloud) -> Iterator[Renter]:
    renter = use(monkeypatch, practice.ensure_profile(cloud.folder))
    yield renter
    forget_everything(renter)


def forget_everything(renter: Renter) -> None:
    ec2 = renter.client("ec2", PATIENT)
    found = [one for r in ec2.describe_instances()["Reservations"] for one in r["Instances"]]
    alive = [one["InstanceId"] for one in found if one["State"]["Name"] != "terminated"]
    if alive:
        ec2.terminate_instances(InstanceIds=alive)
    for each in alive:
        renter.until(each, "terminated")
    for key in ec2.describe_key_pairs()["KeyPairs"]:
        ec2.delete_key_pair(KeyName=key["KeyName"])

"""The state of the practice cloud: moto's backends with its types, image and addresses, saved."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import moto
from moto import settings
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import EC2Backend, amis, elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models import ec2_backends as ec2_of_account
from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceType,
    InstanceTypeBackend,
)
from moto.ec2.models.instances import Instance
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.utilities.utils import load_resource

from dl_magics.practice.ec2.images import IMAGES
from dl_magics.store import atomic, private

ADDRESSES = 254
SAVED_SERVICES = ("ec2", "iam", "cloudwatch")
RETIRED_TYPES = ("p2.xlarge", "p2.8xlarge", "p2.16xlarge")
# Types that moto lacks: name, the type to copy, vCPUs, GiB, GPUs, GPU, GiB per GPU.
ADDED_TYPES = (
    ("p3.2xlarge", "p3dn.24xlarge", 8, 61, 1, "V100", 16),
    ("p3.8xlarge", "p3dn.24xlarge", 32, 244, 4, "V100", 16),
    ("p3.16xlarge", "p3dn.24xlarge", 64, 488, 8, "V100", 16),
    ("g4ad.xlarge", "g4dn.xlarge", 4, 16, 1, "Radeon Pro V520", 8),
    ("g4ad.2xlarge", "g4dn.xlarge", 8, 32, 1, "Radeon Pro V520", 8),
    ("g4ad.4xlarge", "g4dn.xlarge", 16, 64, 1, "Radeon Pro V520", 8),
    ("g4ad.8xlarge", "g4dn.xlarge", 32, 128, 2, "Radeon Pro V520", 8),
    ("g4ad.16xlarge", "g4dn.xlarge", 64, 256, 4, "Radeon Pro V520", 8),
)


class Ec2State:
    """Everything that exists in the practice cloud, saved in one file.

    The file is a pickle of moto's objects, in a folder that only its owner may enter. A file that
    another version of moto wrote is set aside. `account` is the id of the AWS account.
    """

    def __init__(self, file: Path, account: str = DEFAULT_ACCOUNT_ID) -> None:
        self._file = file
        self.account = account
        self._last_address = 0
        self.extra: dict[str, Any] = {}
        self._changed: set[str] = set()
        self._prepare()
        self.app = DomainDispatcherApplication(create_backend_app)
        self._recall()

    def region_backend(self, region: str) -> EC2Backend:
        """Return moto's EC2 backend of one region."""
        return ec2_of_account[self.account][region]

    def is_unused(self, region: str) -> bool:
        """Return whether nothing was done in a region yet; moto takes a second to make one."""
        return region not in ec2_of_account[self.account]

    def list_instances(self) -> list[Instance]:
        """Return the instances of all regions."""
        regions = list(ec2_of_account[self.account].values())
        return [instance for ec2 in regions for instance in ec2.all_instances()]

    def find_instance(self, instance_id: str) -> Instance | None:
        """Return the instance with this id, in any region."""
        return next((one for one in self.list_instances() if one.id == instance_id), None)

    def allocate_address(self) -> str:
        """Return a free address of TEST-NET-3, which is not routed."""
        taken = {instance.public_ip for instance in self.list_instances()}
        for _ in range(ADDRESSES):
            self._last_address = self._last_address % ADDRESSES + 1
            address = f"203.0.113.{self._last_address}"
            if address not in taken:
                return address
        raise RuntimeError("All addresses of the practice cloud are in use.")

    def save(self, changed: str = "") -> None:
        """Save everything but the public images, atomically.

        A region is saved once its name was given as `changed`; regions that were only read are not.
        """
        self._changed.add(changed)
        backends = {name: dict(self._backends_by_region(name)) for name in SAVED_SERVICES}
        every = backends["ec2"].items()
        backends["ec2"] = {name: ec2 for name, ec2 in every if name in self._changed}
        whole = (moto.__version__, backends, self.extra, self._last_address)
        with (
            atomic.replacing(self._file) as unfinished,
            unfinished.open("wb") as out,
            _without_public_images(list(backends["ec2"].values())),
        ):
            pickle.dump(whole, out, protocol=pickle.HIGHEST_PROTOCOL)

    def _recall(self) -> None:
        if not self._file.exists():
            return
        try:
            # Only a file of this user is opened: a pickle is code.
            with private.open_file(self._file, "rb") as file:
                version, backends, extra, last = pickle.load(file)
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, ValueError):
            version, backends, extra, last = "", {}, {}, 1
        if version != moto.__version__:
            self._file.replace(
                self._file.with_suffix(f".set-aside-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            )
            return
        for name, regions in backends.items():
            for region, backend in regions.items():
                self._backends_by_region(name)[region] = backend
        for ec2 in backends["ec2"].values():
            ec2._load_amis()
        self.extra, self._last_address = extra, last
        self._changed.update(backends["ec2"])

    def _backends_by_region(self, service: str) -> Any:
        # moto declares one overload for each literal service name.
        return get_backend(service)[self.account]  # type: ignore[call-overload]

    def _prepare(self) -> None:
        settings.ENABLE_AMI_VALIDATION = True
        settings.ENABLE_KEYPAIR_VALIDATION = True
        vars(elastic_network_interfaces)["random_public_ip"] = self.allocate_address
        vars(elastic_ip_addresses)["random_ip"] = self.allocate_address
        _correct_addresses()
        amis.AMIS.extend(image for image in IMAGES if image not in amis.AMIS)
        vars(amis)["load_resource"] = _load_images
        added = [made[0] for made in ADDED_TYPES if made[0] not in INSTANCE_TYPES]
        for made in ADDED_TYPES:
            if made[0] in added:
                _add_type(*made)
        if added:
            _offer_types(added)


def _load_images(path: str) -> Any:
    """Return moto's images of AWS; without the 1,200 of ECS, as it makes a volume for each."""
    if "/ecs/" in path:
        raise FileNotFoundError(path)
    return load_resource(path)


def _correct_addresses() -> None:
    """Let a stopped instance keep its Elastic IP; name Amazon as the owner of other addresses."""
    interface: Any = elastic_network_interfaces.NetworkInterface
    describe, stop = vars(interface)["association"].fget, interface.stop
    if getattr(stop, "is_correct", False):
        return

    def is_elastic(self: Any) -> bool:
        return self.public_ip in {each.public_ip for each in self.ec2_backend.addresses}

    def association(self: Any) -> dict[str, Any]:
        described: dict[str, Any] = describe(self)
        return described if is_elastic(self) else {**described, "ipOwnerId": "amazon"}

    def keep_elastic(self: Any) -> None:
        if not is_elastic(self):
            stop(self)

    vars(keep_elastic)["is_correct"] = True
    interface.association = property(association)
    interface.stop = keep_elastic


@contextmanager
def _without_public_images(regions: list[EC2Backend]) -> Iterator[None]:
    """Hide moto's public images, more than a thousand per region, and their snapshots.

    With them each save would take a hundred times as long.
    """
    whole = [(ec2, ec2.amis, ec2.snapshots) for ec2 in regions]
    for ec2, images, snapshots in whole:
        given = {
            each.ebs_snapshot.id for each in images.values() if each.owner_id != ec2.account_id
        }
        ec2.amis = {id_: each for id_, each in images.items() if each.owner_id == ec2.account_id}
        ec2.snapshots = {id_: each for id_, each in snapshots.items() if id_ not in given}
    try:
        yield
    finally:
        for ec2, images, snapshots in whole:
            ec2.amis, ec2.snapshots = images, snapshots


def _add_type(
    name: str, like: str, vcpus: int, gib: int, gpus: int, gpu: str, gib_each: int
) -> None:
    facts = deepcopy(INSTANCE_TYPES[like])
    facts["InstanceType"] = name
    facts["VCpuInfo"]["DefaultVCpus"] = vcpus
    facts["MemoryInfo"]["SizeInMiB"] = gib * 1024
    memory = {"SizeInMiB": gib_each * 1024}
    maker = "AMD" if gpu.startswith("Radeon") else "NVIDIA"
    facts["GpuInfo"]["Gpus"][0].update(Name=gpu, Manufacturer=maker, Count=gpus, MemoryInfo=memory)
    facts["GpuInfo"]["TotalGpuMemoryInMiB"] = gpus * gib_each * 1024
    INSTANCE_TYPES[name] = facts
    InstanceTypeBackend.instance_types.append(InstanceType(name))


def _offer_types(names: list[str]) -> None:
    """Offer these types wherever g4dn.xlarge is offered."""
    for regions in INSTANCE_TYPE_OFFERINGS.values():
        for offers in regions.values():
            places = [one for one in offers if one["InstanceType"] == "g4dn.xlarge"]
            offers.extend({**place, "InstanceType": name} for name in names for place in places)

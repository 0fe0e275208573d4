"""The launch of an instance: key pair, user data with the host key, one RunInstances request."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass
from typing import Any

from dl_magics.aws.ec2 import Ec2
from dl_magics.aws.images import Image
from dl_magics.aws.parsing import OURS, TAG
from dl_magics.aws.session import AwsSession
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core.instance import Instance
from dl_magics.errors import NoSuchInstance

_UNKNOWN_SECONDS = 30.0
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """The parameters of a launch; repeating it with the same token returns the same instance.

    In a script `user_data` is the reference to a file.
    """

    name: str
    type: str
    image: Image
    disk_gib: int
    key: str
    group: str
    token: str
    user_data: bytes | str
    zone: str | None = None
    subnet: str | None = None
    instance_profile: str | None = None
    spot: SpotOptions | None = None


@dataclass(frozen=True, slots=True)
class Launched:
    """The id of the instance that was launched, and that of its spot request, "" without one."""

    id: str
    spot_request: str


def ensure_key(session: AwsSession, name: str, public: str) -> bool:
    """Import our public key as a key pair, if AWS lacks it; return whether it did."""
    if has_key(session, name):
        return False
    response = session.change_ec2(
        "import_key_pair",
        unless=("InvalidKeyPair.Duplicate",),
        **make_key_parameters(name, public),
    )
    return bool(response)


def make_key_parameters(name: str, public: str) -> dict[str, Any]:
    """Return the parameters of ImportKeyPair for our public key."""
    tags = [make_tags("key-pair")]
    return {"KeyName": name, "PublicKeyMaterial": public, "TagSpecifications": tags}


def has_key(session: AwsSession, name: str) -> bool:
    """Return whether AWS has a key pair with this name."""
    filters = [{"Name": "key-name", "Values": [name]}]
    return bool(session.query("ec2", "describe_key_pairs", Filters=filters)["KeyPairs"])


def user_data(private: str, public: str, boot_command: list[str]) -> bytes:
    """Return the cloud-config that installs the temporary host key, compressed.

    It also runs a command at each boot, before sshd starts. EC2 allows 16 KiB of compressed data,
    which cloud-init decompresses. The same request has the same bytes: gzip notes no time.
    """
    keys = {"ed25519_private": private, "ed25519_public": public}
    config = json.dumps({"ssh_keys": keys}, indent=1).removesuffix("\n}")
    text = f'#cloud-config\n{config},\n "bootcmd": {json.dumps([boot_command])}\n}}\n'
    return gzip.compress(text.encode(), mtime=0)


def run_instances(session: AwsSession, request: LaunchRequest) -> Launched:
    """Launch the instance."""
    answer = session.change_ec2("run_instances", **make_parameters(request))
    launched = answer["Instances"][0]
    return Launched(str(launched["InstanceId"]), str(launched.get("SpotInstanceRequestId", "")))


def make_parameters(request: LaunchRequest) -> dict[str, Any]:
    """Return the parameters of RunInstances for a launch."""
    disk = {
        "VolumeSize": request.disk_gib,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    named = {
        "Name": request.name,
        f"{TAG}disk": str(request.disk_gib),
        f"{TAG}user": request.image.user,
        f"{TAG}token": request.token,
    }
    parameters: dict[str, Any] = {
        "ImageId": request.image.id,
        "InstanceType": request.type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": request.token,
        "KeyName": request.key,
        "SecurityGroupIds": [request.group],
        "UserData": request.user_data,
        "InstanceInitiatedShutdownBehavior": "stop",
        "BlockDeviceMappings": [{"DeviceName": request.image.root_device, "Ebs": disk}],
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "TagSpecifications": [
            make_tags("instance", named),
            make_tags("volume", {"Name": request.name}),
        ],
    }
    if request.spot:
        parameters["InstanceMarketOptions"] = request.spot.make_parameters()
        parameters["TagSpecifications"].append(make_tags("spot-instances-request"))
    if request.subnet:
        parameters["SubnetId"] = request.subnet
    if request.instance_profile:
        parameters["IamInstanceProfile"] = {"Name": request.instance_profile}
    if request.zone:
        parameters["Placement"] = {"AvailabilityZone": request.zone}
    return parameters


def make_tags(kind: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the TagSpecification of a new resource of this kind."""
    named = {**OURS, **(more or {})}
    return {
        "ResourceType": kind,
        "Tags": [{"Key": key, "Value": value} for key, value in named.items()],
    }


def describe_new_instance(ec2: Ec2, id_: str) -> Instance:
    """Return an instance that was just launched; raise NoSuchInstance if EC2 never finds it.

    EC2 is eventually consistent: for some seconds a request may not find it
    (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
    """
    began, wait = time.monotonic(), _FIRST_WAIT
    while True:
        try:
            return ec2.describe_instance(id_)
        except NoSuchInstance:
            if time.monotonic() - began > _UNKNOWN_SECONDS:
                raise
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)

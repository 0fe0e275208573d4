"""A new instance: its key pair, its disk, its first host key, and one request that counts once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dl_magics.aws.images import Image
from dl_magics.aws.parsing import OURS, TAG
from dl_magics.aws.session import AwsSession


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What is asked for; the same wish with the same token gives the same instance."""

    name: str
    type: str
    image: Image
    disk_gib: int
    key: str
    group: str
    token: str
    user_data: str
    zone: str | None = None


def ensure_key(session: AwsSession, name: str, public: str) -> bool:
    """Give AWS the public half of our key, once; return whether it was new there."""
    if has_key(session, name):
        return False
    made = session.change_ec2(
        "import_key_pair",
        unless=("InvalidKeyPair.Duplicate",),
        KeyName=name,
        PublicKeyMaterial=public.encode(),
        TagSpecifications=[make_tags("key-pair")],
    )
    return bool(made)


def has_key(session: AwsSession, name: str) -> bool:
    """Whether AWS has a key pair of this name."""
    filters = [{"Name": "key-name", "Values": [name]}]
    return bool(session.query("ec2", "describe_key_pairs", Filters=filters)["KeyPairs"])


def user_data(private: str, public: str) -> str:
    """Return the cloud-config that gives the instance its first host key."""
    keys = {"ed25519_private": private, "ed25519_public": public}
    return f"#cloud-config\n{json.dumps({'ssh_keys': keys}, indent=1)}\n"


def run_instances(session: AwsSession, wish: LaunchRequest) -> str:
    """Ask EC2 for the instance; return its id."""
    answer = session.change_ec2("run_instances", **make_request(wish))
    return str(answer["Instances"][0]["InstanceId"])


def make_request(wish: LaunchRequest) -> dict[str, Any]:
    """Return the one RunInstances request of a wish."""
    disk = {
        "VolumeSize": wish.disk_gib,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    named = {
        "Name": wish.name,
        f"{TAG}disk": str(wish.disk_gib),
        f"{TAG}user": wish.image.user,
        f"{TAG}token": wish.token,
    }
    asked: dict[str, Any] = {
        "ImageId": wish.image.id,
        "InstanceType": wish.type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": wish.token,
        "KeyName": wish.key,
        "SecurityGroupIds": [wish.group],
        "UserData": wish.user_data,
        "InstanceInitiatedShutdownBehavior": "stop",
        "BlockDeviceMappings": [{"DeviceName": wish.image.root_device, "Ebs": disk}],
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "TagSpecifications": [
            make_tags("instance", named),
            make_tags("volume", {"Name": wish.name}),
        ],
    }
    if wish.zone:
        asked["Placement"] = {"AvailabilityZone": wish.zone}
    return asked


def make_tags(kind: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the tags of a new thing, as EC2 takes them."""
    named = {**OURS, **(more or {})}
    return {
        "ResourceType": kind,
        "Tags": [{"Key": key, "Value": value} for key, value in named.items()],
    }

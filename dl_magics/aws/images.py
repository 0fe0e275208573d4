"""The AMI that an instance boots from: looked up at each launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dl_magics.aws import instance_types
from dl_magics.aws.session import AwsSession
from dl_magics.errors import DLMagicsError, NoSuchImage

_PARAMETER = (
    "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
)
_NAMES = "Deep Learning*AMI*GPU*Ubuntu 22.04*"
_OWNERS = ["amazon"]


@dataclass(frozen=True, slots=True)
class Image:
    """An AMI of the region: its login user, root device and disk size in GiB."""

    id: str
    name: str
    user: str
    root_device: str
    disk_gib: int


def find_image(session: AwsSession, type_: str, wanted: str | None = None) -> Image:
    """Return the image with the id `wanted`, or the newest Deep Learning AMI for the type.

    Types without a GPU get the same image, so that they can be resized to a GPU type later. Raises
    NoSuchImage if the region has no such image.
    """
    arch = "arm64" if type_.startswith(instance_types.ARM) else "x86_64"
    wanted = wanted or _read_parameter(session, _PARAMETER.format(arch=arch))
    if wanted is None:
        return _newest_image(session, arch)
    found = session.query("ec2", "describe_images", ImageIds=[wanted])["Images"]
    if not found:
        raise NoSuchImage(f"The image {wanted} does not exist in {session.region}.", fix=_fix())
    return _parse_image(found[0])


def _read_parameter(session: AwsSession, name: str) -> str | None:
    try:
        return str(session.query("ssm", "get_parameter", Name=name)["Parameter"]["Value"])
    except (DLMagicsError, KeyError):
        return None


def _newest_image(session: AwsSession, architecture: str) -> Image:
    filters = [
        {"Name": "name", "Values": [_NAMES]},
        {"Name": "architecture", "Values": [architecture]},
        {"Name": "state", "Values": ["available"]},
    ]
    found = session.query("ec2", "describe_images", Owners=_OWNERS, Filters=filters)["Images"]
    if not found:
        raise NoSuchImage(f"No image in {session.region} has a name like '{_NAMES}'.", fix=_fix())
    return _parse_image(max(found, key=lambda each: each.get("CreationDate", "")))


def _fix() -> str:
    return "%aws_launch TYPE --image ami-… uses any image of the region."


def _parse_image(found: dict[str, Any]) -> Image:
    name = found.get("Name", found["ImageId"])
    words = f"{name} {found.get('Description', '')}".lower()
    amazon_linux = "amazon linux" in words or words.startswith(("al2", "amzn"))
    disks = [each.get("Ebs", {}).get("VolumeSize", 0) for each in found["BlockDeviceMappings"]]
    return Image(
        id=found["ImageId"],
        name=name,
        user="ec2-user" if amazon_linux else "ubuntu",
        root_device=found.get("RootDeviceName", "/dev/sda1"),
        disk_gib=max(disks, default=0),
    )

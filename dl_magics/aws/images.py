"""The AMI that an instance boots from: which one a type needs, and who logs in to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dl_magics.aws import instance_types
from dl_magics.aws.session import AwsSession
from dl_magics.aws.types import drivers, login_users, type_facts
from dl_magics.aws.types.type_facts import TypeFacts
from dl_magics.errors import BadSetting, DLMagicsError, NoSuchImage

_PARAMETER = (
    "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
)
_NAMES = "Deep Learning*OSS Nvidia Driver*Ubuntu 22.04*"
# No parameter of AWS leads to these.
_PROPRIETARY_NAMES = "Deep Learning*Proprietary Nvidia Driver*"
_OWNERS = ["amazon"]
# An image that was made from another one, such as a copy in another region.
_COPIES = 3
_USUAL_USER = "ubuntu"


@dataclass(frozen=True, slots=True)
class Image:
    """An AMI of the region: its login user, root device, disk size in GiB and what it is for.

    `driver` is which NVIDIA driver it has: `open`, `proprietary`, or "" if its name does not say.
    """

    id: str
    name: str
    user: str
    root_device: str
    disk_gib: int
    architecture: str = "x86_64"
    driver: drivers.Driver = ""


def find_image(
    session: AwsSession, type_: str, wanted: str | None = None, *, user: str | None = None
) -> Image:
    """Return the image with the id `wanted`, or the newest Deep Learning AMI for the type.

    Types without a GPU get the image of the NVIDIA types, so that they can be resized to one.

    Raises
    ------
    NoSuchImage
        if the image does not exist, cannot run on the type, or none is available for the type.
    BadSetting
        if neither `user` nor the image says who logs in.
    """
    facts = type_facts.read_type(session, type_)
    found = _describe_image(session, wanted) if wanted else _find_deep_learning(session, facts)
    if found is None:
        raise NoSuchImage(f"The image {wanted} does not exist in {session.region}.", fix=_fix())
    if "windows" in str(found.get("Platform", "")).lower():
        raise NoSuchImage(f"{wanted} is an image of Windows: no SSH server answers.", fix=_fix())
    image = _parse_image(session, found, user)
    if why := find_misfit(image, facts):
        raise NoSuchImage(why, fix=f"Omit --image to use the newest Deep Learning AMI · {_fix()}")
    if not image.user:
        raise BadSetting(
            f"The login user of the image '{image.name}' ({image.id}) is not known.",
            fix=f"Its publisher names it: %aws_launch {type_} --image {image.id} --user NAME",
        )
    return image


def read_image(session: AwsSession, id_: str) -> Image | None:
    """Return the image of an instance, or None if it does not exist any more or is not shared."""
    found = _describe_image(session, id_) if id_ else None
    return _parse_image(session, found, None) if found else None


def read_login_user(session: AwsSession, id_: str) -> str:
    """Return the login user of an instance's image; that of most images if it is not known."""
    try:
        return _read_user(session, id_) or _USUAL_USER
    except DLMagicsError:
        return _USUAL_USER


@lru_cache
def _read_user(session: AwsSession, id_: str) -> str:
    image = read_image(session, id_)
    return image.user if image else ""


def find_misfit(image: Image, facts: TypeFacts) -> str:
    """Return why an image does not work on a type; empty if nothing is known against it."""
    made_for = facts.architectures
    if made_for and image.architecture not in made_for:
        return (
            f"The image {image.name} is for {image.architecture}, and {facts.type} is "
            f"{' or '.join(made_for)}."
        )
    if why := drivers.find_misfit(image.driver, facts):
        return f"The image {image.name} {why}."
    return ""


def _find_deep_learning(session: AwsSession, facts: TypeFacts) -> dict[str, Any]:
    if why := drivers.find_unsupported(facts):
        near = instance_types.nearest_type(facts.type, session.region)
        other = f" · or another type: %aws_launch {near.type}" if near else ""
        raise NoSuchImage(
            f"{facts.type} has {why}.",
            fix=f"%aws_launch {facts.type} --image ami-… uses an image with that driver{other}",
        )
    architecture = "x86_64" if "x86_64" in facts.architectures else "arm64"
    if drivers.needs_proprietary(facts):
        return _newest_image(session, architecture, _PROPRIETARY_NAMES)
    id_ = _read_parameter(session, _PARAMETER.format(arch=architecture))
    found = _describe_image(session, id_) if id_ else None
    return found or _newest_image(session, architecture, _NAMES)


def _describe_image(session: AwsSession, id_: str) -> dict[str, Any] | None:
    try:
        found = session.query("ec2", "describe_images", ImageIds=[id_])["Images"]
    except NoSuchImage:
        return None
    return dict(found[0]) if found else None


def _read_parameter(session: AwsSession, name: str) -> str | None:
    try:
        return str(session.query("ssm", "get_parameter", Name=name)["Parameter"]["Value"])
    except (DLMagicsError, KeyError):
        return None


def _newest_image(session: AwsSession, architecture: str, names: str) -> dict[str, Any]:
    filters = [
        {"Name": "name", "Values": [names]},
        {"Name": "architecture", "Values": [architecture]},
        {"Name": "state", "Values": ["available"]},
    ]
    found = session.query("ec2", "describe_images", Owners=_OWNERS, Filters=filters)["Images"]
    if not found:
        raise NoSuchImage(
            f"No image for {architecture} in {session.region} has a name like '{names}'.",
            fix=_fix(),
        )
    return dict(max(found, key=_preference))


def _preference(each: Any) -> tuple[bool, str]:
    return "Ubuntu" in each.get("Name", ""), str(each.get("CreationDate", ""))


def _fix() -> str:
    return "%aws_launch TYPE --image ami-… uses any image of the region."


def _parse_image(session: AwsSession, found: Mapping[str, Any], user: str | None) -> Image:
    name = str(found.get("Name", found["ImageId"]))
    disks = [each.get("Ebs", {}).get("VolumeSize", 0) for each in found["BlockDeviceMappings"]]
    return Image(
        id=found["ImageId"],
        name=name,
        user=user or _login_user(session, found),
        root_device=found.get("RootDeviceName", "/dev/sda1"),
        disk_gib=max(disks, default=0),
        architecture=found.get("Architecture", "x86_64"),
        driver=drivers.name_driver(name),
    )


def _login_user(session: AwsSession, found: Mapping[str, Any]) -> str:
    """Return the login user of an image, or of the image that it was made from."""
    for _ in range(_COPIES):
        texts = (found.get(each, "") for each in ("Name", "Description", "PlatformDetails"))
        if user := login_users.find_user(*map(str, texts)):
            return user
        source = found.get("SourceImageId")
        before = _describe_image(session, source) if source else None
        if before is None:
            return ""
        found = before
    return ""

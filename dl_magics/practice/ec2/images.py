"""The Deep Learning AMIs, and what an image needs beside what moto knows: user, network driver."""

from __future__ import annotations

import re
from typing import Any

from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance

INSTANCE_STORE = "instance-store"


def _make_image(ami_id: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "ami_id": ami_id,
        "name": name,
        "description": "An image of the practice cloud, named like one of AWS",
        "image_location": f"amazon/{name}",
        "image_type": "machine",
        "state": "available",
        "public": True,
        "owner_id": "898082745236",
        "owner_alias": "amazon",
        "architecture": "x86_64",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "sriov": "simple",
        "platform": "Linux/UNIX",
        "root_device_type": "ebs",
        "root_device_name": "/dev/sda1",
        "boot_mode": "uefi-preferred",
        **more,
    }


DEEP_LEARNING_IMAGE = _make_image(
    "ami-0d1ea5e5c10bd5a11",
    "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.7 (Ubuntu 22.04) 20260101",
)
ARM_IMAGE = _make_image(
    "ami-0d1ea5e5c10bd5a12",
    "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20260101",
    architecture="arm64",
)
IMAGES = (
    DEEP_LEARNING_IMAGE,
    ARM_IMAGE,
    _make_image(
        "ami-0d1ea5e5c10bd5a13",
        "Deep Learning Base Proprietary Nvidia Driver AMI (Amazon Linux 2) Version 71.6",
        root_device_name="/dev/xvda",
    ),
    _make_image(
        "ami-0d1ea5e5c10bd5a14",
        "Rocky-9-EC2-Base-9.6-20260101.0.x86_64",
        owner_id="792107900819",
        owner_alias=None,
    ),
    _make_image(
        "ami-0d1ea5e5c10bd5a15",
        "debian-12-amd64-20260101-1980",
        owner_id="136693071363",
        owner_alias=None,
    ),
    _make_image("ami-0d1ea5e5c10bd5a16", "course-secure-boot-ubuntu-24.04", boot_mode="uefi"),
    _make_image(
        "ami-0d1ea5e5c10bd5a17", "course-on-instance-store-ubuntu", root_device_type=INSTANCE_STORE
    ),
)

# "Manage system users on your Amazon EC2 Linux instance" in the EC2 user guide.
_USERS = (
    ("windows", "Administrator"),
    ("ubuntu", "ubuntu"),
    ("debian", "admin"),
    ("rocky", "rocky"),
    ("centos", "centos"),
)
_OTHER_USER = "ec2-user"
# Images from before the Elastic Network Adapter.
_WITHOUT_ENA = ("trusty-14.04", "2003-r2", "2008-", "2012-", "sles-11", "-pv-")
_BOOT_MODES = {each["ami_id"]: each["boot_mode"] for each in IMAGES}
_IMAGE_ID = re.compile(rb"<imageId>(ami-[0-9a-z]+)</imageId>")


def find_login_user(instance: Instance) -> str:
    """Return the only user that an instance of this image lets log in."""
    words = _describe(_image(instance))
    return next((user for word, user in _USERS if word in words), _OTHER_USER)


def has_ena(image: Ami | None) -> bool:
    """Return whether an image has the driver of the Elastic Network Adapter."""
    return not any(word in _describe(image) for word in _WITHOUT_ENA)


def find_boot_mode(image: Ami | None) -> str:
    """Return the boot mode of an image; moto's images have none, whatever moto says."""
    return _BOOT_MODES.get(image.id, "") if image else ""


def has_instance_store(image: Ami | None) -> bool:
    """Return whether the root device of an image is on the instance store."""
    return image is not None and image.root_device_type == INSTANCE_STORE


def add_facts(action: str, body: bytes, images: dict[str, Ami]) -> bytes:
    """Return the response of DescribeImages or DescribeInstances with what moto leaves out."""

    def add(found: re.Match[bytes]) -> bytes:
        image = images.get(found[1].decode())
        added = f"<enaSupport>{'true' if has_ena(image) else 'false'}</enaSupport>"
        if action == "DescribeInstances" and (mode := find_boot_mode(image)):
            added += f"<bootMode>{mode}</bootMode>"
        return found[0] + added.encode()

    return _IMAGE_ID.sub(add, body)


def move_root_device(instance: Instance) -> None:
    """Put the root device of an instance where its image has it: moto gives each a volume."""
    if has_instance_store(_image(instance)):
        instance.root_device_type = INSTANCE_STORE
        for device in instance.block_device_mapping.values():
            instance.ec2_backend.volumes.pop(device.volume_id, None)
        instance.block_device_mapping.clear()


def _image(instance: Instance) -> Ami | None:
    """Return the image of an instance; of an own image, the one that it was made from."""
    images: dict[str, Ami] = instance.ec2_backend.amis
    image = images.get(instance.image_id)
    while image is not None and (source := getattr(image, "instance", None)):
        image = images.get(source.image_id)
    return image


def _describe(image: Ami | None) -> str:
    return f"{image.name} {image.description}".lower() if image else ""

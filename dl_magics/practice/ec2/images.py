"""What an image needs beside what moto knows: the user to log in as, and its network driver."""

from __future__ import annotations

import re

from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance

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
_IMAGE_ID = re.compile(rb"<imageId>(ami-[0-9a-z]+)</imageId>")


def find_login_user(instance: Instance) -> str:
    """Return the only user that an instance of this image lets log in."""
    words = _describe(_image(instance))
    return next((user for word, user in _USERS if word in words), _OTHER_USER)


def has_ena(image: Ami | None) -> bool:
    """Return whether an image has the driver of the Elastic Network Adapter."""
    return not any(word in _describe(image) for word in _WITHOUT_ENA)


def add_ena_support(body: bytes, images: dict[str, Ami]) -> bytes:
    """Return a response that describes images or instances, with their ENA support."""

    def add(found: re.Match[bytes]) -> bytes:
        supported = b"true" if has_ena(images.get(found[1].decode())) else b"false"
        return found[0] + b"<enaSupport>" + supported + b"</enaSupport>"

    return _IMAGE_ID.sub(add, body)


def _image(instance: Instance) -> Ami | None:
    """Return the image of an instance; of an own image, the one that it was made from."""
    images: dict[str, Ami] = instance.ec2_backend.amis
    image = images.get(instance.image_id)
    while image is not None and (source := getattr(image, "instance", None)):
        image = images.get(source.image_id)
    return image


def _describe(image: Ami | None) -> str:
    return f"{image.name} {image.description}".lower() if image else ""

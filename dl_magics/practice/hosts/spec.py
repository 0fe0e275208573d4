"""The specification of a host, read from moto's instance."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2 import images

# GPU names as nvidia-smi prints them, where they are not NVIDIA and the name.
NVIDIA_SMI_NAMES = {"T4": "Tesla T4", "V100": "Tesla V100-SXM2-16GB"}


@dataclass(frozen=True)
class HostSpec:
    """What a host needs to boot.

    Parameters
    ----------
    id, address
        The instance id and its public IP address.
    public_key
        The line for authorized_keys; empty without a key pair.
    user
        The only user that may log in.
    user_data
        The user data of the launch; empty if it has none.
    gpus
        The NVIDIA GPUs, each as (name, MiB of memory).
    """

    id: str
    address: str
    public_key: str
    user: str
    user_data: bytes
    gpus: tuple[tuple[str, int], ...]

    @classmethod
    def from_instance(cls, instance: Instance) -> HostSpec:
        """Return the specification of an instance of moto."""
        key = instance.ec2_backend.key_pairs.get(instance.key_name)
        return cls(
            id=instance.id,
            address=instance.public_ip or "none",
            public_key=key.public_key if key else "",
            user=images.find_login_user(instance),
            user_data=read_user_data(instance),
            gpus=_gpus(instance.instance_type),
        )


def read_user_data(instance: Instance) -> bytes:
    """Return the user data of an instance as it was before base64; empty if it has none."""
    return base64.b64decode(instance.user_data.as_bytes()) if instance.user_data else b""


def _gpus(instance_type: str) -> tuple[tuple[str, int], ...]:
    """Return the NVIDIA GPUs of a type, each as (name, MiB of memory)."""
    listed = INSTANCE_TYPES.get(instance_type, {}).get("GpuInfo", {}).get("Gpus", [])
    return tuple(
        (NVIDIA_SMI_NAMES.get(gpu["Name"], f"NVIDIA {gpu['Name']}"), gpu["MemoryInfo"]["SizeInMiB"])
        for gpu in listed
        for _ in range(gpu["Count"])
        if gpu["Manufacturer"] == "NVIDIA"
    )

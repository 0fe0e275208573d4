"""What a host must know of its instance to boot."""

from __future__ import annotations

from dataclasses import dataclass

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance

# As nvidia-smi writes them, where that is not NVIDIA and the name.
WRITTEN = {"T4": "Tesla T4", "V100": "Tesla V100-SXM2-16GB"}


@dataclass(frozen=True)
class Sheet:
    """The facts of one instance at the moment that it gets power."""

    id: str
    address: str
    public_key: str
    user_data: str
    gpus: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, instance: Instance) -> Sheet:
        """Read them from moto's instance."""
        key = instance.ec2_backend.key_pairs.get(instance.key_name)
        return cls(
            id=instance.id,
            address=instance.public_ip or "none",
            public_key=key.public_key if key else "",
            user_data=user_data(instance),
            gpus=_gpus(instance.instance_type),
        )


def user_data(instance: Instance) -> str:
    """Return what was sent along with the launch."""
    return instance.user_data.decode() if instance.user_data else ""


def _gpus(instance_type: str) -> tuple[tuple[str, int], ...]:
    """Return the NVIDIA GPUs of a type: (name, MiB) of each."""
    listed = INSTANCE_TYPES.get(instance_type, {}).get("GpuInfo", {}).get("Gpus", [])
    return tuple(
        (WRITTEN.get(gpu["Name"], f"NVIDIA {gpu['Name']}"), gpu["MemoryInfo"]["SizeInMiB"])
        for gpu in listed
        for _ in range(gpu["Count"])
        if gpu["Manufacturer"] == "NVIDIA"
    )

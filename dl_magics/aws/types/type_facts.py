"""What AWS says of an instance type: vCPUs, architectures, network, accelerator, storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.aws import instance_types
from dl_magics.aws.session import AwsSession
from dl_magics.errors import DLMagicsError

_ARM = re.compile(r"(a1|[a-z]+\d+g[a-z]*|p\d+e-gb\d+)\.")
_SIZE = re.compile(r"(\d*)xlarge")
_SMALL_VCPUS = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2}
# DescribeInstanceTypes names each kind of accelerator in a field of its own.
_OTHER_ACCELERATORS = {
    "NeuronInfo": "AWS Neuron",
    "InferenceAcceleratorInfo": "AWS Inferentia",
    "FpgaInfo": "FPGA",
    "MediaAcceleratorInfo": "media",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    """An instance type.

    Attributes
    ----------
    vcpus
        The default number of vCPUs, which counts for the quota.
    architectures
        What its images must be made for.
    needs_ena
        Whether it has no network without the Elastic Network Adapter.
    maker, accelerator
        Who made its GPU or other accelerator, and its name; empty if it has none.
    partial_gpu
        Whether it has a fraction of a GPU, which needs NVIDIA's driver for virtual GPUs.
    instance_store_gb
        The size of its disks that a stop erases.
    boot_modes
        uefi, legacy-bios or both; empty if unknown.
    """

    type: str
    vcpus: int
    architectures: tuple[str, ...]
    needs_ena: bool = False
    maker: str = ""
    accelerator: str = ""
    partial_gpu: bool = False
    instance_store_gb: int = 0
    boot_modes: tuple[str, ...] = ()


_described: dict[str, TypeFacts] = {}


def read_facts(session: AwsSession, types: Iterable[str]) -> dict[str, TypeFacts]:
    """Return the facts of each type: from AWS, or from the bundled table where AWS refuses."""
    wanted = set(types)
    if unknown := wanted - _described.keys():
        try:
            found = session.query_filtered(
                "describe_instance_types", "InstanceTypes", "instance-type", unknown
            )
        except DLMagicsError:
            found = []
        _described.update({each["InstanceType"]: _parse(each) for each in found})
    return {name: _described.get(name) or _bundled_facts(name) for name in wanted}


def read_type(session: AwsSession, type_: str) -> TypeFacts:
    """Return the facts of one type."""
    return read_facts(session, [type_])[type_]


def _parse(each: Mapping[str, Any]) -> TypeFacts:
    gpus = each.get("GpuInfo", {}).get("Gpus", [])
    gpu = gpus[0] if gpus else {}
    other = next((what for field, what in _OTHER_ACCELERATORS.items() if field in each), "")
    name = str(each["InstanceType"])
    return TypeFacts(
        type=name,
        vcpus=int(each.get("VCpuInfo", {}).get("DefaultVCpus", 0)),
        architectures=tuple(each.get("ProcessorInfo", {}).get("SupportedArchitectures", [])),
        needs_ena=each.get("NetworkInfo", {}).get("EnaSupport") == "required",
        maker=str(gpu.get("Manufacturer", other)),
        accelerator=str(gpu.get("Name", f"{other} accelerators" if other else "")),
        # Older releases of botocore drop the field.
        partial_gpu=float(gpu.get("GpuPartitionSize", 1.0)) < 1 or _is_partial(name),
        instance_store_gb=int(each.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)),
        boot_modes=tuple(each.get("SupportedBootModes", [])),
    )


def _bundled_facts(name: str) -> TypeFacts:
    kind = instance_types.known_types().get(name)
    gpu = kind.gpu if kind else ""
    return TypeFacts(
        type=name,
        vcpus=kind.vcpus if kind else _guess_vcpus(name),
        architectures=("arm64",) if _ARM.match(name) else ("x86_64",),
        maker=("AMD" if gpu.startswith("Radeon") else "NVIDIA") if gpu else "",
        accelerator=gpu,
        partial_gpu=_is_partial(name),
    )


def _is_partial(name: str) -> bool:
    kind = instance_types.known_types().get(name)
    return bool(kind and 0 < kind.gpu_count < 1)


def _guess_vcpus(name: str) -> int:
    """Return the vCPUs that the size of a type usually has: 4 for each xlarge; 0 if unknown."""
    size = name.partition(".")[2]
    if found := _SIZE.fullmatch(size):
        return 4 * int(found[1] or 1)
    return _SMALL_VCPUS.get(size, 0)

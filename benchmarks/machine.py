"""Describe the machine of a benchmark in one line."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores, system and versions."""
    described = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (described.read_text().splitlines() if described.is_file() else [])
        if line.startswith("model name")
    ]
    flags = described.read_text() if described.is_file() else ""
    names_of_half = {"amx_bf16": ", AMX", "avx512_bf16": ", AVX512_BF16"}
    half = next((name for flag, name in names_of_half.items() if flag in flags), "")
    packages = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    return (
        f"{names[0] if names else platform.machine()}{half}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, {packages}"
    )

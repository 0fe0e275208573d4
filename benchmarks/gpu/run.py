"""Check everything that needs an NVIDIA GPU, and measure what it gives: `make gpu`.

    PYTHONPATH=. python benchmarks/gpu/run.py [DATA] [--weights FILE] [--backends torch,jax]

DATA is a folder with `train/CLASS` and `valid/CLASS`, or a zip file of one; without it images are
drawn. It needs Python 3.11, Keras with PyTorch or JAX, and Pillow; no network, no root. Each part
runs in a process of its own with a time limit; what fails is a row of the table, and the exit
status is then 1. Without a GPU the same code runs with small sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import prepare
from children import ChildFailed, run_checks, run_child
from rows import Row
from setting import Setting
from whole_runs import compare_runs

from dl_magics.core import table

_PACKAGES = ("keras", "torch", "jax", "numpy", "pillow", "simplejpeg")
_TIMEOUT_SECONDS = 90.0
# Training compiles a network for each run.
_TRAINING_TIMEOUT_SECONDS = 240.0
# They stand in for two GPUs where the checks are tried without one.
_TWO_CPUS = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
_HEADS = ("backend", "check", "", "found")


def main() -> None:
    options = parse_options()
    started = time.monotonic()
    rows: list[Row] = []
    report: dict[str, Any] = {
        "machine": describe_machine(),
        "images": options.data or "drawn",
        "weights": options.weights or "random",
    }
    with tempfile.TemporaryDirectory(prefix="dl-magics-gpu-") as scratch:
        for row in run_all(options, Path(scratch), started):
            rows.append(row)
            print(f"{row.backend:6}{row.check}: {row.status}: {row.found}", flush=True)
            report["rows"] = [each.to_json() for each in rows]
            report["seconds"] = round(time.monotonic() - started, 1)
            # After each row: what was measured is kept if this process is killed.
            Path(options.json).write_text(json.dumps(report, indent=1))
    shown = [(each.backend, each.check, each.status, each.found) for each in rows]
    print(table.format_text("\n" + report["machine"]["title"], _HEADS, shown, width=160))
    print(f"{len(rows)} checks in {report['seconds']:.0f} s; figures: {options.json}")
    sys.exit(any(each.status == "failed" for each in rows))


def run_all(options: argparse.Namespace, scratch: Path, started: float) -> Iterator[Row]:
    """Yield the rows of all checks; parts that would begin after the limit are skipped."""
    setting = prepare_setting(options, scratch)
    if setting.weights and setting.weights.endswith(".npz"):
        converted = str(scratch / "vgg16.weights.h5")
        try:
            run_child("prepare.py", setting, converted, timeout=_TIMEOUT_SECONDS)
        except ChildFailed as failed:
            yield Row("", "weights converted", "failed", failed.args[0])
        setting = replace(setting, weights=converted if Path(converted).exists() else None)
    parts = options.parts.split(",")
    if "host" in parts:
        every = setting.on(options.backends)
        yield from run_checks("host_checks.py", every, _TIMEOUT_SECONDS)
    for backend in options.backends.split(","):
        policy = "float32"
        for name in (name for name in PARTS if name in parts):
            if time.monotonic() - started > options.limit:
                late = f"it would begin after the limit of {options.limit:.0f} s"
                yield Row(backend, name, "skipped", late)
                continue
            for row in PARTS[name](setting.on(backend), policy):
                policy = row.figures.get("policy", policy)
                yield row


PARTS: dict[str, Callable[[Setting, str], Iterable[Row]]] = {
    "network": lambda setting, _: run_checks("network_checks.py", setting, _TIMEOUT_SECONDS),
    "runs": lambda setting, policy: compare_runs(setting, policy, _TIMEOUT_SECONDS),
    "training": lambda setting, _: run_checks(
        "training_checks.py", setting, _TRAINING_TIMEOUT_SECONDS
    ),
    "memory": lambda setting, _: run_checks("memory_checks.py", setting, _TIMEOUT_SECONDS),
    "trial": lambda setting, _: run_checks("trial_checks.py", setting, _TIMEOUT_SECONDS),
    "devices": lambda setting, _: run_checks(
        "device_checks.py", setting, _TIMEOUT_SECONDS, **(_TWO_CPUS if setting.small else {})
    ),
}
"""The parts of the checks of one backend; a part gets the precision that the first one chose."""


def prepare_setting(options: argparse.Namespace, scratch: Path) -> Setting:
    """Unpack or draw the images, and return the setting."""
    small = options.small
    data = Path(options.data).resolve() if options.data else None
    if data is None:
        data = prepare.draw_images(scratch / "drawn", *((16, 8) if small else (500, 150)))
    elif data.suffix == ".zip":
        data = prepare.unpack_images(data, scratch / "images")
    many = prepare.copy_images(data, scratch / "many", 20 if small else options.images)
    return Setting(
        backend=options.backends.partition(",")[0],
        data=str(data),
        many=str(many),
        weights=options.weights and str(Path(options.weights).resolve()),
        scratch=str(scratch),
        size=32 if small else options.image_size,
        run_size=32 if small else options.run_size,
        epochs=1 if small else 5,
        small=small,
    )


def describe_machine() -> dict[str, Any]:
    """Return the processor, the system and the versions."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {name: find_version(name) for name in _PACKAGES}
    installed = ", ".join(f"{name} {found}" for name, found in versions.items() if found)
    processor = f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
    return {
        "title": f"{processor}, {platform.system()}, Python {platform.python_version()}, "
        f"{installed}",
        "processor": processor,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def find_version(name: str) -> str:
    """Return the version of a package; "" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def has_gpu() -> bool:
    """Return whether an NVIDIA driver is here, working or not."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()


def parse_options() -> argparse.Namespace:
    installed = ",".join(name for name in ("torch", "jax") if find_spec(name))
    parser = argparse.ArgumentParser(description="Check everything that needs an NVIDIA GPU.")
    parser.add_argument("data", nargs="?", help="image folder, or a zip file of one")
    parser.add_argument("--weights", help="a .weights.h5 or .npz file; else random ones")
    parser.add_argument("--backends", default=installed, help="torch, jax, or both")
    parser.add_argument(
        "--parts", default=",".join(["host", *PARTS]), help="which checks, of: %(default)s"
    )
    parser.add_argument("--json", default="gpu.json", help="file for all figures")
    parser.add_argument("--image-size", type=int, default=224, help="of the network's checks")
    parser.add_argument("--run-size", type=int, default=128, help="image size of whole runs")
    parser.add_argument("--images", type=int, default=8000, help="images of the feature phase")
    parser.add_argument("--limit", type=float, default=600, help="seconds to begin checks in")
    parser.add_argument(
        "--small", action="store_true", default=not has_gpu(), help="try it with small sizes"
    )
    options = parser.parse_args()
    if not options.backends:
        parser.error("neither PyTorch nor JAX is installed for this Python")
    return options


if __name__ == "__main__":
    main()

"""What `%gpu_status` and the guard read on a host, here on this one.

Runs in a child process: `python host_checks.py SETTING`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rows import NoGpu, Wrong, print_checks
from setting import setting_of_child

from dl_magics.host import probe_script
from dl_magics.host.info import HostInfo

_BEGIN, _END = "probe begins", "probe ends"
_READINGS = "utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu"
_PROCESSES = "pid,used_memory"


def check_probe() -> tuple[str, dict[str, Any]]:
    """Run the script that `%gpu_status` runs on a host."""
    done = subprocess.run(
        ["sh", "-s"],
        input=probe_script.build_script(_BEGIN, _END),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    if _BEGIN not in lines or _END not in lines:
        raise Wrong(f"the script ended early: {done.stderr[-200:]}")
    found = probe_script.parse_lines("this host", lines[lines.index(_BEGIN) + 1 : -1])
    names = [each.name for each in found.interpreters if each.can_train]
    if not found.gpus:
        raise NoGpu(f"environments with Keras: {', '.join(names) or 'none'}")
    (gpu, *_) = found.gpus
    if not (gpu.memory_mib and gpu.capability and found.driver):
        raise Wrong(f"the probe found {gpu}, driver {found.driver!r}")
    return (
        f"{gpu.name}, {gpu.memory_mib:,} MiB, compute capability {gpu.capability}, driver "
        f"{found.driver}; environments with Keras: {', '.join(names) or 'none'}"
    ), describe_host(found)


def describe_host(found: HostInfo) -> dict[str, Any]:
    """Return the figures of a host."""
    return {
        "gpus": [[gpu.name, gpu.memory_mib, gpu.capability] for gpu in found.gpus],
        "pci_gpus": found.pci_gpus,
        "driver": found.driver,
        "cuda": found.cuda,
        "cudnn": found.cudnn,
        "interpreters": {
            each.path: {"packages": each.packages, "builds": each.builds}
            for each in found.interpreters
        },
    }


def check_frameworks(backend: str) -> tuple[str, dict[str, Any]]:
    """Ask Keras which GPUs its backend finds, as `%gpu_status` does."""
    program = (
        "import json; from dl_magics.keras_config.framework_devices import list_gpus; "
        "print(json.dumps(list_gpus()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    if "error" in found:
        raise Wrong(found["error"])
    if not found["gpus"]:
        raise NoGpu(f"Keras {found['keras']} on {backend} finds none")
    return f"Keras {found['keras']} on {backend}: {', '.join(found['gpus'])}", found


def check_readings() -> tuple[str, dict[str, Any]]:
    """Read the GPU while this process computes nothing."""
    reading, figures = read_gpu()
    return f"{reading[0]} % busy, {reading[1]} of {reading[2]} MiB used, {reading[3]} W", figures


def read_gpu() -> tuple[list[str], dict[str, Any]]:
    """Return what nvidia-smi reads of the first GPU, also as figures."""
    try:
        reading = ask_nvidia_smi(f"--query-gpu={_READINGS}")[0]
        processes = ask_nvidia_smi(f"--query-compute-apps={_PROCESSES}")
    except FileNotFoundError as error:
        raise NoGpu("there is no nvidia-smi") from error
    except subprocess.CalledProcessError as error:
        raise NoGpu(f"nvidia-smi failed: {error.stdout.strip()[:120]}") from error
    if not reading[0].isdigit() or not reading[1].isdigit():
        raise Wrong(f"utilization and memory are no numbers: {reading}")
    return reading, dict(zip(_READINGS.split(","), reading, strict=True)) | {"processes": processes}


def ask_nvidia_smi(query: str) -> list[list[str]]:
    """Return the lines that nvidia-smi answers a query with, each as its fields."""
    done = subprocess.run(
        ["nvidia-smi", query, "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return [[field.strip() for field in line.split(",")] for line in done.stdout.splitlines()]


def main() -> None:
    backends = setting_of_child().backend.split(",")
    with ThreadPoolExecutor() as pool:  # importing two backends takes a while
        asked = {name: pool.submit(check_frameworks, name) for name in backends}
    print_checks(
        "",
        [
            ("%gpu_status: probe of the host", check_probe),
            *(
                (f"%gpu_status: GPUs that {name} finds", future.result)
                for name, future in asked.items()
            ),
            ("guard: readings of the GPU", check_readings),
        ],
    )


if __name__ == "__main__":
    main()

"""Runs in each interpreter of a host: prints as JSON what is installed, without importing it.

Standard library only; Python 3.7 or newer.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any, Dict  # noqa: UP035 (3.7)

NAMES = """
ipykernel pyzmq keras tensorflow tensorflow-cpu tensorflow-gpu torch jax jaxlib jax-cuda12-plugin
jax-cuda13-plugin theano numpy pillow simplejpeg matplotlib nvidia-cudnn-cu11 nvidia-cudnn-cu12
nvidia-cudnn-cu13 nvidia-cuda-runtime-cu11 nvidia-cuda-runtime-cu12 nvidia-cuda-runtime
"""
Packages = Dict[str, Any]  # noqa: UP006 (3.7)


def find_packages() -> Packages:
    """Return {name: distribution} of the installed ones of NAMES."""
    try:
        from importlib import metadata
    except ImportError:
        return {}
    found = {}
    for name in NAMES.split():
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def read_text(found: Packages, name: str, path: str) -> str:
    """Return the text of a file in a package; "" if it does not exist."""
    try:
        return Path(str(found[name].locate_file(path))).read_text("utf-8")
    except (KeyError, OSError):
        return ""


def find_cuda_builds(found: Packages) -> dict[str, str]:
    """Return {backend: CUDA version it was built for}; "" for a CPU build."""
    built = {}
    for name in ("tensorflow-gpu", "tensorflow-cpu", "tensorflow"):
        if name in found:
            info = read_text(found, name, "tensorflow/python/platform/build_info.py")
            cuda = re.search(r"'cuda_version', '([\d.]+)'", info)
            built["tensorflow"] = cuda.group(1) if cuda else ""
    if "torch" in found:
        cuda = re.search(
            r"^cuda.*=\s*'([\d.]+)'", read_text(found, "torch", "torch/version.py"), re.M
        )
        built["torch"] = cuda.group(1) if cuda else ""
    if "jax" in found:
        plugins = re.findall(r"jax-cuda(\d+)-plugin", " ".join(found))
        built["jax"] = plugins[-1] if plugins else ""
    return built


def find_capabilities(found: Packages) -> list[float]:
    """Return the CUDA compute capabilities that TensorFlow was built for, such as [6.0, 9.0]."""
    info = read_text(found, "tensorflow", "tensorflow/python/platform/build_info.py")
    listed = re.search(r"'cuda_compute_capabilities', \[([^\]]*)\]", info)
    codes = re.findall(r"(?:sm|compute)_(\d+)", listed.group(1)) if listed else []
    return [int(code) / 10 for code in codes]


def has_ensurepip() -> bool:
    """Return whether `-m venv` can install pip."""
    from importlib.util import find_spec

    return find_spec("ensurepip") is not None


def main() -> None:
    """Print what is installed as one line of JSON."""
    # Modules beside this file must not shadow others.
    del sys.path[0]
    found = find_packages()
    prefix = Path(sys.prefix)
    facts = {
        "path": sys.executable,
        "prefix": sys.prefix,
        "is_venv": (prefix / "pyvenv.cfg").exists(),
        "is_conda": (prefix / "conda-meta").is_dir(),
        "python": platform.python_version(),
        "packages": {name: each.version for name, each in found.items()},
        "builds": find_cuda_builds(found),
        "capabilities": find_capabilities(found),
        "can_create_venv": has_ensurepip(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()

"""Runs in each interpreter of an instance: says as JSON what is installed in it, importing none.

Standard library only; any Python from 3.7 on.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any, Dict  # noqa: UP035 (3.7)

WANTED = """
ipykernel pyzmq keras tensorflow tensorflow-cpu tensorflow-gpu torch jax jaxlib jax-cuda12-plugin
jax-cuda13-plugin theano numpy pillow simplejpeg matplotlib nvidia-cudnn-cu11 nvidia-cudnn-cu12
nvidia-cudnn-cu13 nvidia-cuda-runtime-cu11 nvidia-cuda-runtime-cu12 nvidia-cuda-runtime
"""
Packages = Dict[str, Any]  # noqa: UP006 (3.7)


def packages() -> Packages:
    """Return {name: distribution} of what we ask for."""
    try:
        from importlib import metadata
    except ImportError:
        return {}
    found = {}
    for name in WANTED.split():
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def text(found: Packages, name: str, path: str) -> str:
    """Return a file of a package, or "" where there is none."""
    try:
        return Path(str(found[name].locate_file(path))).read_text("utf-8")
    except (KeyError, OSError):
        return ""


def builds(found: Packages) -> dict[str, str]:
    """Return {backend: version of CUDA it was built for}, "" for a build without."""
    built = {}
    for name in ("tensorflow-gpu", "tensorflow-cpu", "tensorflow"):
        if name in found:
            info = text(found, name, "tensorflow/python/platform/build_info.py")
            cuda = re.search(r"'cuda_version', '([\d.]+)'", info)
            built["tensorflow"] = cuda.group(1) if cuda else ""
    if "torch" in found:
        cuda = re.search(r"^cuda.*=\s*'([\d.]+)'", text(found, "torch", "torch/version.py"), re.M)
        built["torch"] = cuda.group(1) if cuda else ""
    if "jax" in found:
        plugins = re.findall(r"jax-cuda(\d+)-plugin", " ".join(found))
        built["jax"] = plugins[-1] if plugins else ""
    return built


def capabilities(found: Packages) -> list[float]:
    """Return the GPU architectures that TensorFlow was built for, such as [6.0, 9.0]."""
    info = text(found, "tensorflow", "tensorflow/python/platform/build_info.py")
    listed = re.search(r"'cuda_compute_capabilities', \[([^\]]*)\]", info)
    codes = re.findall(r"(?:sm|compute)_(\d+)", listed.group(1)) if listed else []
    return [int(code) / 10 for code in codes]


def makes_environments() -> bool:
    """Return whether `-m venv` will find pip."""
    from importlib.util import find_spec

    return find_spec("ensurepip") is not None


def main() -> None:
    """Print one line of JSON."""
    # The folder of this file is no place to import from.
    del sys.path[0]
    found = packages()
    prefix = Path(sys.prefix)
    facts = {
        "path": sys.executable,
        "prefix": sys.prefix,
        "is_venv": (prefix / "pyvenv.cfg").exists(),
        "is_conda": (prefix / "conda-meta").is_dir(),
        "python": platform.python_version(),
        "packages": {name: each.version for name, each in found.items()},
        "builds": builds(found),
        "capabilities": capabilities(found),
        "makes_environments": makes_environments(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()

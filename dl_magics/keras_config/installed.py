"""Which versions of Keras and its backends an interpreter has, found without importing them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from dl_magics.errors import NotInstalled

# The names of the distributions that contain a module.
_NAMES = {
    "keras": ("keras", "keras-nightly"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos"),
    "jax": ("jax",),
    "torch": ("torch",),
    "theano": ("theano",),
}
_NEEDS = {"jax": "jaxlib"}


@dataclass(frozen=True)
class Installed:
    """An interpreter: its path, its version, and {package: version} of Keras and the backends."""

    python: str
    version: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def keras(self) -> str:
        """The version of Keras; "" if it is not installed."""
        return self.versions.get("keras", "")

    @property
    def major(self) -> int:
        """The major version of Keras; 3 if it is not installed."""
        first = self.keras.split(".")[0]
        return int(first) if first.isdigit() else 3

    @property
    def known(self) -> tuple[str, ...]:
        """The backends that this version of Keras supports, installed or not."""
        if self.major == 3:
            return ("tensorflow", "jax", "torch", "numpy", "openvino")
        # Since 2.4, Keras 2 is part of TensorFlow and supports no other backend.
        minor = self.keras.split(".")[1] if "." in self.keras else "0"
        only_tensorflow = self.major == 2 and minor.isdigit() and int(minor) >= 4
        return ("tensorflow",) if only_tensorflow else ("tensorflow", "theano")

    def require_backend(self, backend: str) -> None:
        """Raise NotInstalled unless Keras supports the backend and it is installed."""
        if not self.keras:
            raise NotInstalled(
                f"Keras is not installed in {self.python}.",
                fix="Install it: %pip install keras tensorflow",
            )
        if backend not in self.known:
            fix = "%backend theano --setup creates an environment for Keras 1 and Theano."
            if backend != "theano":
                fix = "Update it: %pip install -U keras · or use one of: " + ", ".join(self.known)
            raise NotInstalled(f"Keras {self.keras} has no {backend} backend.", fix=fix)
        if backend not in self.versions:
            raise NotInstalled(
                f"{backend} is not installed in {self.python}.",
                fix=f"Install it: %pip install {backend} · installed backends: "
                + (", ".join(name for name in self.known if name in self.versions) or "none"),
            )


def inspect_interpreter() -> Installed:
    """Return the versions of Keras and its backends in this interpreter."""
    found = {name: _version(names) for name, names in _NAMES.items() if _is_installed(name)}
    return Installed(sys.executable, ".".join(map(str, sys.version_info[:3])), found)


def _is_installed(module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    # A folder of that name without an __init__.py is not the package.
    found = spec is not None and spec.origin is not None
    return found and (module not in _NEEDS or _is_installed(_NEEDS[module]))


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def parse_installed(values: Mapping[str, Any]) -> Installed:
    """Return the value that `asdict` turned into plain values."""
    return Installed(**values)

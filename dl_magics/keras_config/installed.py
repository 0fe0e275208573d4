"""Which Keras and which backends an interpreter has; nothing of them is imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from dl_magics.errors import NotInstalled

# Under which names a module is distributed.
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
    """An interpreter: `versions` has the Keras and the backends that are in it."""

    python: str
    version: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def keras(self) -> str:
        """The version of Keras, "" where there is none."""
        return self.versions.get("keras", "")

    @property
    def major(self) -> int:
        """The first number of Keras' version; without a Keras that of today's."""
        first = self.keras.split(".")[0]
        return int(first) if first.isdigit() else 3

    @property
    def known(self) -> tuple[str, ...]:
        """The backends that this Keras can have at all."""
        if self.major == 3:
            return ("tensorflow", "jax", "torch", "numpy", "openvino")
        # Keras 2.4 became a part of TensorFlow, and lost the others.
        minor = self.keras.split(".")[1] if "." in self.keras else "0"
        alone = self.major == 2 and minor.isdigit() and int(minor) >= 4
        return ("tensorflow",) if alone else ("tensorflow", "theano")

    def check(self, backend: str) -> None:
        """Raise NotInstalled unless this Keras can have a backend, and it is installed here."""
        if not self.keras:
            raise NotInstalled(
                f"Keras is not installed in {self.python}.", fix="%pip install keras tensorflow"
            )
        if backend not in self.known:
            fix = "%backend theano --setup makes an interpreter for Keras 1 and Theano."
            if backend != "theano":
                fix = "%pip install -U keras · or one of: " + ", ".join(self.known)
            raise NotInstalled(f"Keras {self.keras} has no {backend} backend.", fix=fix)
        if backend not in self.versions:
            raise NotInstalled(
                f"{backend} is not installed in {self.python}.",
                fix=f"%pip install {backend} · installed is: "
                + (", ".join(name for name in self.known if name in self.versions) or "none"),
            )


def inspect_interpreter() -> Installed:
    """Return what this interpreter has."""
    found = {name: _version(names) for name, names in _NAMES.items() if _is_there(name)}
    return Installed(sys.executable, ".".join(map(str, sys.version_info[:3])), found)


def _is_there(module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    # A folder that happens to have the name is none.
    there = spec is not None and spec.origin is not None
    return there and (module not in _NEEDS or _is_there(_NEEDS[module]))


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"


def parse_installed(values: Mapping[str, Any]) -> Installed:
    """Return what another interpreter told of itself."""
    return Installed(**values)

"""What a host has: its GPUs, its disk, and every Python that a kernel could run in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dl_magics.core import table

Kind = Literal["conda", "venv", "pyenv", "uv", "system"]

_HEADS = ("", "environment", "kind", "Python", "ipykernel", "Keras", "backends", "path")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; `capability` is its architecture, such as 7.5, and 0 where nobody says it."""

    name: str
    memory_mib: int
    capability: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python and what is installed in it.

    `builds` says for each backend which CUDA it was built for: "" for none; `capabilities` for
    which GPUs TensorFlow was built. `activation` is what a shell must run first, as conda asks
    for it. Debian's own Python `makes_environments` only with another package.
    """

    path: str
    prefix: str
    kind: Kind
    name: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)
    builds: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[float, ...] = ()
    makes_environments: bool = True
    activation: str = ""

    @property
    def runs_kernels(self) -> bool:
        """Whether a kernel can be started in it."""
        return "ipykernel" in self.packages and version(self.python) >= (3, 8)

    @property
    def backends(self) -> dict[str, str]:
        """What Keras can compute with here: {name: version}."""
        found = {"tensorflow": "", "torch": "", "jax": ""}
        for name in ("torch", "jax", "tensorflow-gpu", "tensorflow-cpu", "tensorflow"):
            if name in self.packages:
                found[name.removesuffix("-gpu").removesuffix("-cpu")] = self.packages[name]
        return {name: version for name, version in found.items() if version}

    @property
    def trains(self) -> bool:
        """Whether Keras and a backend are there."""
        return "keras" in self.packages and bool(self.backends)

    def is_for_gpu(self, backend: str | None = None) -> bool:
        """Whether a backend, or any, was built for NVIDIA GPUs."""
        return bool(self.builds.get(backend) if backend else any(self.builds.values()))

    def is_called(self, word: str) -> bool:
        """Whether a person means this one by a name, a folder or a path."""
        return word.rstrip("/") in (self.name, self.prefix, self.path)

    def row(self) -> tuple[str, ...]:
        """Return its cells for a table."""
        backends = (
            f"{name} {version}{'' if self.is_for_gpu(name) else ' (CPU)'}"
            for name, version in self.backends.items()
        )
        packages = [self.packages.get(name, "") for name in ("ipykernel", "keras")]
        return (self.name, self.kind, self.python, *packages, ", ".join(backends), self.path)

    def __str__(self) -> str:
        backends = " ".join(f"{name} {version}" for name, version in self.backends.items())
        keras = f" · Keras {self.packages['keras']}" if "keras" in self.packages else ""
        return f"{self.name} (Python {self.python}{keras}{' · ' if backends else ''}{backends})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInfo:
    """All that was found on a host. `cuda` and `cudnn` are the host's own, outside of any Python.

    `gpus` are those that the driver shows; `pci_gpus` those that are plugged in. `weights` are the
    files in Keras' cache, `uv` how to call uv.
    """

    name: str
    system: str = ""
    arch: str = ""
    user: str = ""
    home: str = ""
    cores: int = 0
    ram_bytes: int = 0
    disk_free_bytes: int = 0
    gpus: tuple[Gpu, ...] = ()
    pci_gpus: int = 0
    driver: str = ""
    driver_error: str = ""
    cuda: str = ""
    cudnn: str = ""
    sudo: bool = False
    systemd: bool = False
    kills_processes: bool = False
    uv: str = ""
    keras_backend: str = ""
    weights: tuple[str, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    chosen: Interpreter | None = None

    @property
    def has_gpu(self) -> bool:
        """Whether a GPU is there, with a driver or without."""
        return bool(self.gpus or self.pci_gpus)

    @property
    def headline(self) -> str:
        """Return the host in one line."""
        counted = {gpu: self.gpus.count(gpu) for gpu in self.gpus}
        gpus = ", ".join(
            f"{f'{count} × ' if count > 1 else ''}{gpu.name} ({gpu.memory_mib / 1024:.0f} GB)"
            for gpu, count in counted.items()
        )
        gib = 2**30
        return " · ".join(
            (
                f"{self.name}: {gpus or 'no GPU'}",
                f"{self.cores} cores",
                f"{self.ram_bytes / gib:.0f} GB memory",
                f"{self.disk_free_bytes / gib:.0f} GB of disk free",
                self.system,
            )
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [("→" if each == self.chosen else "", *each.row()) for each in self.interpreters]

    def __repr__(self) -> str:
        if not self.interpreters:
            return f"{self.headline}\nThere is no Python."
        return table.plain(self.headline, _HEADS, self._rows())

    def _repr_html_(self) -> str:
        title = self.headline if self.interpreters else f"{self.headline}. There is no Python."
        return table.html(title, _HEADS, self._rows())


def version(written: str) -> tuple[int, ...]:
    """Return a version as numbers that compare: "3.11.7" and "2.13.0+cu126"; () for none."""
    numbers = []
    for word in written.partition("+")[0].split("."):
        digits = "".join(letter for letter in word if letter.isdigit())
        if not word[:1].isdigit():
            break
        numbers.append(int(digits))
    return tuple(numbers)

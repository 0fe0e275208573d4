"""What a host has: GPUs, memory, disk, and the Python interpreters that may run a kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dl_magics.core import table

Kind = Literal["conda", "venv", "pyenv", "uv", "system"]

_HEADS = ("", "environment", "kind", "Python", "ipykernel", "Keras", "backends", "path")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. `capability` is its CUDA compute capability, such as 7.5; 0 if it is unknown."""

    name: str
    memory_mib: int
    capability: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python interpreter and what is installed in it.

    Attributes
    ----------
    packages
        {name: version}.
    builds
        {backend: the CUDA version it was built for}, "" for a CPU build.
    capabilities
        The CUDA compute capabilities that TensorFlow was built for.
    can_create_venv
        Whether `-m venv` works; Debian's Python needs the package python3-venv for it.
    activation
        The shell command that activates a conda environment; "" for other kinds.
    """

    path: str
    prefix: str
    kind: Kind
    name: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)
    builds: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[float, ...] = ()
    can_create_venv: bool = True
    activation: str = ""

    @property
    def can_run_kernels(self) -> bool:
        """Whether ipykernel is installed and the Python is new enough for it."""
        return "ipykernel" in self.packages and parse_version(self.python) >= (3, 8)

    @property
    def backends(self) -> dict[str, str]:
        """The installed backends of Keras: {name: version}."""
        found = {"tensorflow": "", "torch": "", "jax": ""}
        for name in ("torch", "jax", "tensorflow-gpu", "tensorflow-cpu", "tensorflow"):
            if name in self.packages:
                found[name.removesuffix("-gpu").removesuffix("-cpu")] = self.packages[name]
        return {name: version for name, version in found.items() if version}

    @property
    def can_train(self) -> bool:
        """Whether Keras and a backend are installed."""
        return "keras" in self.packages and bool(self.backends)

    def is_built_for_gpu(self, backend: str | None = None) -> bool:
        """Whether the backend was built for NVIDIA GPUs; without `backend`, whether any was."""
        return bool(self.builds.get(backend) if backend else any(self.builds.values()))

    def matches(self, name: str) -> bool:
        """Whether `name` is its name, its prefix or its path."""
        return name.rstrip("/") in (self.name, self.prefix, self.path)

    def row(self) -> tuple[str, ...]:
        """Return its cells for the table of `HostInfo`."""
        backends = (
            f"{name} {version}{'' if self.is_built_for_gpu(name) else ' (CPU)'}"
            for name, version in self.backends.items()
        )
        packages = [self.packages.get(name, "") for name in ("ipykernel", "keras")]
        return (self.name, self.kind, self.python, *packages, ", ".join(backends), self.path)

    def __str__(self) -> str:
        backends = ", ".join(f"{name} {version}" for name, version in self.backends.items())
        keras = f" · Keras {self.packages['keras']}" if "keras" in self.packages else ""
        return f"{self.name} (Python {self.python}{keras}{' · ' if backends else ''}{backends})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInfo:
    """What the probe found on a host.

    Attributes
    ----------
    gpus, pci_gpus
        The GPUs that the driver reports; the number of GPUs on the PCI bus.
    driver, driver_error
        The version of the NVIDIA driver; the error of nvidia-smi.
    cuda, cudnn
        The versions installed on the system, outside of any Python environment.
    uv
        The path of uv; "" if it is not installed.
    keras_backend
        The backend in keras.json of the host.
    weights
        The files in the cache of Keras and in the folder of dl_magics.
    is_practice
        Whether the practice cloud runs it: its GPU is a name only.
    selected
        The interpreter that the kernel runs in.
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
    is_practice: bool = False
    uv: str = ""
    keras_backend: str = ""
    weights: tuple[str, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    selected: Interpreter | None = None

    @property
    def has_gpu(self) -> bool:
        """Whether the host has a GPU, with or without a driver."""
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
                f"{self.cores} {'core' if self.cores == 1 else 'cores'}",
                f"{self.ram_bytes / gib:.0f} GB memory",
                f"{self.disk_free_bytes / gib:.0f} GB of disk free",
                self.system,
            )
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [("→" if each == self.selected else "", *each.row()) for each in self.interpreters]

    def __repr__(self) -> str:
        if not self.interpreters:
            return f"{self.headline}\nNo Python found."
        return table.format_text(self.headline, _HEADS, self._rows())

    def _repr_html_(self) -> str:
        title = self.headline if self.interpreters else f"{self.headline}. No Python found."
        return table.format_html(title, _HEADS, self._rows())


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, (2, 13, 0) for "2.13.0+cu126"; () if there are none."""
    numbers = []
    for word in text.partition("+")[0].split("."):
        digits = "".join(letter for letter in word if letter.isdigit())
        if not word[:1].isdigit():
            break
        numbers.append(int(digits))
    return tuple(numbers)

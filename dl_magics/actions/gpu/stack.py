"""The software stack under the GPU kernel, with the command that fixes each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dl_magics.core import table
from dl_magics.host import device_probe, environments, probe
from dl_magics.host.device_probe import FrameworkDevices
from dl_magics.host.info import HostInfo, Interpreter, parse_version
from dl_magics.keras_config.devices import count_alike
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget
from dl_magics.training.recipe import applications
from dl_magics.training.weights import weights

Mark = Literal["✓", "–", "!", "✗"]

# The oldest driver that supports each major version of CUDA.
_DRIVERS = {11: (450, 80, 2), 12: (525, 60, 13), 13: (580, 65, 6)}
_DRIVER_LINE = "sudo apt-get install -y nvidia-driver-580-server && sudo reboot"
_CUDA_BUILDS = {
    "tensorflow": "'tensorflow[and-cuda]'",
    "jax": "'jax[cuda12]'",
    "torch": "torch --index-url https://download.pytorch.org/whl/cu126",
}
# Older releases run code from a malicious model file despite safe_mode=True: CVE-2026-12481.
_SAFE_KERAS = (3, 15)
_SAFE_KERAS_PYTHON = (3, 11)
_PRACTICE_GPU = "practice GPU: Keras can't see it; runs use this computer's CPU"
_PRACTICE_OWN = "practice GPU: Keras sees the GPU of this computer, and runs use it"
_HEADS = ("", "layer", "found", "what to do")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its mark, what was found, and what to do.

    "✗" and "!" ask for something to be done; "–" is what is missing and not needed.
    """

    name: str
    mark: Mark
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """All layers, from the weights down to the GPU."""

    title: str
    layers: tuple[Layer, ...]

    @property
    def verdict(self) -> str:
        """The finding of the lowest broken layer; "" if none is broken."""
        broken = [layer for layer in self.layers if layer.mark == "✗"]
        return broken[-1].found if broken else ""

    def _title(self) -> str:
        return f"{self.title}\n✗ {self.verdict}" if self.verdict else self.title

    def _rows(self) -> list[tuple[str, ...]]:
        return [(each.mark, each.name, each.found, each.fix) for each in self.layers]

    def __repr__(self) -> str:
        return table.format_text(self._title(), _HEADS, self._rows())

    def _repr_html_(self) -> str:
        return table.format_html(self._title(), _HEADS, self._rows())


def inspect_stack(login: SshTarget, python: str) -> Stack:
    """Inspect every layer under an interpreter of the host, including the framework's view."""
    host_info = blocking.wait_for(probe.probe_host(login))
    interpreter = environments.choose_interpreter(host_info, python)
    seen = blocking.wait_for(device_probe.probe_devices(login, interpreter))
    return Stack(
        f"{host_info.name}: {interpreter}", tuple(judge_layers(host_info, interpreter, seen))
    )


def judge_layers(
    host_info: HostInfo, interpreter: Interpreter, seen: FrameworkDevices
) -> list[Layer]:
    """Return the layers, top to bottom."""
    backend = seen.backend or host_info.keras_backend or next(iter(interpreter.backends), "")
    return [
        _weights(host_info),
        _keras(interpreter, seen),
        _backend(host_info, interpreter, seen, backend),
        _cudnn(host_info, interpreter, backend),
        _cuda(host_info, interpreter, backend),
        _driver(host_info, interpreter, backend),
        _gpu(host_info, interpreter, seen, backend),
    ]


def _weights(host_info: HostInfo) -> Layer:
    for name in (applications.APPLICATIONS["VGG16"].file, weights.VGG16_FILE):
        if name in host_info.weights:
            return Layer("VGG16 weights", "✓", name)
    return Layer(
        "VGG16 weights", "–", "not downloaded yet", "the first %%finetune downloads them (59 MB)"
    )


def _keras(interpreter: Interpreter, seen: FrameworkDevices) -> Layer:
    pip = f"{interpreter.path} -m pip install --upgrade keras"
    found = seen.keras or interpreter.packages.get("keras", "")
    if not found:
        return Layer("Keras", "✗", "not installed", pip)
    if seen.error and not seen.backend:
        return Layer("Keras", "✗", f"{found} cannot be imported: {seen.error}", pip)
    if parse_version(found) < (3,):
        return Layer("Keras", "✗", f"{found}: too old for %%finetune", pip)
    if parse_version(found) < _SAFE_KERAS:
        safe = ".".join(map(str, _SAFE_KERAS))
        risk = f"{found}: load_model of a foreign file can run its code; fixed in {safe}"
        if parse_version(interpreter.python) < _SAFE_KERAS_PYTHON:
            return Layer("Keras", "!", risk, "%gpu_connect --setup makes a newer environment")
        return Layer("Keras", "!", risk, f"{pip[: -len('keras')]}'keras>={safe}'")
    return Layer("Keras", "✓", found)


def _backend(
    host_info: HostInfo, interpreter: Interpreter, seen: FrameworkDevices, backend: str
) -> Layer:
    installed = interpreter.backends.get(backend, "")
    if not installed:
        missing = backend or "tensorflow"
        fix = f"{interpreter.path} -m pip install {_build(host_info, missing)}"
        return Layer("backend", "✗", f"{missing} is not installed", fix)
    found = f"{backend} {installed}"
    if seen.error and seen.backend:
        return Layer("backend", "✗", f"{found} does not work: {seen.error}")
    if not host_info.has_gpu or host_info.is_practice:
        return Layer("backend", "✓", found)
    if backend in interpreter.builds and not interpreter.builds[backend]:
        fix = f"{interpreter.path} -m pip install --upgrade --force-reinstall "
        return Layer(
            "backend", "✗", f"{found} is a CPU-only build", fix + _build(host_info, backend)
        )
    return Layer("backend", "✓", found)


def _cudnn(host_info: HostInfo, interpreter: Interpreter, backend: str) -> Layer:
    own = _package(interpreter, "nvidia-cudnn-cu")
    if found := own or host_info.cudnn:
        return Layer("cuDNN", "✓", found)
    return _library("cuDNN", host_info, interpreter, backend)


def _cuda(host_info: HostInfo, interpreter: Interpreter, backend: str) -> Layer:
    own = _package(interpreter, "nvidia-cuda-runtime")
    if found := own or host_info.cuda:
        return Layer("CUDA", "✓", found)
    return _library("CUDA", host_info, interpreter, backend)


def _library(name: str, host_info: HostInfo, interpreter: Interpreter, backend: str) -> Layer:
    if not host_info.has_gpu:
        return Layer(name, "–", "none: the host has no GPU")
    if host_info.is_practice:
        return Layer(name, "–", "none: the practice GPU needs none")
    if backend in ("torch", "jax") and interpreter.is_built_for_gpu(backend):
        return Layer(name, "✓", f"comes with {backend}")
    if interpreter.kind == "conda":
        return Layer(name, "–", "not found; conda may have it under another name")
    fix = f"{interpreter.path} -m pip install {_CUDA_BUILDS['tensorflow']}"
    return Layer(name, "✗", f"not found: {backend or 'the backend'} cannot use the GPU", fix)


def _driver(host_info: HostInfo, interpreter: Interpreter, backend: str) -> Layer:
    if not host_info.has_gpu and not host_info.driver_error:
        return Layer("driver", "–", "none: the host has no GPU")
    if host_info.driver_error:
        found = f"nvidia-smi failed: {host_info.driver_error}"
        return Layer("driver", "✗", found, "sudo reboot · or reinstall: " + _DRIVER_LINE)
    if not host_info.driver:
        return Layer("driver", "✗", "not installed", _DRIVER_LINE)
    built = interpreter.builds.get(backend, "")
    needed = _DRIVERS.get(next(iter(parse_version(built)), 0), ())
    if needed and parse_version(host_info.driver) < needed:
        found = f"{host_info.driver} is older than CUDA {built} of {backend} needs"
        return Layer("driver", "✗", f"{found} ({'.'.join(map(str, needed))})", _DRIVER_LINE)
    return Layer("driver", "✓", host_info.driver)


def _gpu(
    host_info: HostInfo, interpreter: Interpreter, seen: FrameworkDevices, backend: str
) -> Layer:
    names = count_alike([f"{gpu.name} ({gpu.memory_mib / 1024:.0f} GB)" for gpu in host_info.gpus])
    if not host_info.has_gpu:
        fix = "%aws_resize g4dn.xlarge gives this disk a GPU"
        return Layer("GPU", "–", "none: training runs on the CPU", fix)
    framework = backend or "the framework"
    names = names or "a GPU of NVIDIA"
    if host_info.is_practice:
        return Layer("GPU", "–", _PRACTICE_OWN if seen.gpus else _PRACTICE_GPU)
    if len(seen.gpus) >= max(1, len(host_info.gpus)):
        if backend == "torch" and len(seen.gpus) > 1:
            found = f"{names}: a run uses one, as Keras does with PyTorch"
            return Layer("GPU", "!", found, "To use all: %backend jax · or: %backend tf")
        return Layer("GPU", "✓", f"{names}, and {framework} sees {_it_or_all(len(seen.gpus))}")
    if seen.gpus:
        found = f"{names}: {framework} SEES ONLY {len(seen.gpus)} of {len(host_info.gpus)}"
        return Layer("GPU", "!", found, "%device gpu selects all · or check CUDA_VISIBLE_DEVICES")
    oldest = min(interpreter.capabilities, default=0.0)
    able = [gpu.capability for gpu in host_info.gpus if gpu.capability]
    if backend == "tensorflow" and able and max(able) < oldest:
        found = f"{names} is too old for this {framework}: it has {max(able)}, {oldest} is needed"
        return Layer("GPU", "✗", found, "%aws_resize g4dn.xlarge moves this disk to a newer GPU")
    found = f"{names}, but {framework.upper()} DOES NOT SEE IT: training would run on the CPU"
    return Layer("GPU", "✗", found, "Fix the layers marked ✗ first, bottom up.")


def _it_or_all(count: int) -> str:
    return "it" if count == 1 else f"all {count}: a run uses them"


def _build(host_info: HostInfo, backend: str) -> str:
    return _CUDA_BUILDS.get(backend, backend) if host_info.has_gpu else backend


def _package(interpreter: Interpreter, start: str) -> str:
    found = [each for name, each in interpreter.packages.items() if name.startswith(start)]
    return f"{found[0]} (in {interpreter.name})" if found else ""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.engine import device
from dl_magics.training.engine.device import (
    Device,
    choose_batch_size,
    choose_precision,
    cpu_half,
    gpu_half,
)

GB = 2**30
devices = st.builds(
    Device, st.sampled_from(["cpu", "gpu"]), st.just("a processor"), st.integers(0, 200 * GB)
)


@pytest.mark.parametrize(
    ("capability", "half"),
    [
        ((0, 0), ""),
        ((3, 7), ""),
        ((6, 1), ""),
        ((7, 0), "float16"),
        ((7, 5), "float16"),
        ((8, 0), "bfloat16"),
        ((8, 6), "bfloat16"),
        ((10, 0), "bfloat16"),
    ],
)
def test_a_gpu_computes_in_the_half_precision_of_its_tensor_cores(capability, half):
    assert gpu_half(capability) == half


@pytest.mark.parametrize(
    ("backend", "flags", "half"),
    [
        ("tensorflow", {"avx512f", "amx_bf16", "amx_tile"}, "bfloat16"),
        ("tensorflow", {"avx512f", "avx512_bf16"}, "bfloat16"),
        ("tensorflow", {"avx512f", "avx512_vnni"}, ""),
        ("tensorflow", set(), ""),
        ("torch", {"amx_bf16"}, ""),
        ("jax", {"amx_bf16", "avx512_bf16"}, ""),
    ],
)
def test_a_cpu_gains_from_half_precision_where_tensorflow_uses_it(backend, flags, half):
    assert cpu_half(backend, frozenset(flags)) == half


@pytest.mark.parametrize(
    ("asked", "half", "policy"),
    [
        ("auto", "bfloat16", "mixed_bfloat16"),
        ("auto", "float16", "mixed_float16"),
        ("auto", "", "float32"),
        (True, "bfloat16", "mixed_bfloat16"),
        (True, "", "float32"),
        (False, "bfloat16", "float32"),
        (False, "", "float32"),
    ],
)
def test_half_precision_is_used_if_requested_and_faster(asked, half, policy):
    assert choose_precision(asked, Device("gpu", "a GPU", GB, half)) == policy


@pytest.mark.parametrize(
    ("kind", "memory", "widest", "size"),
    [
        ("cpu", 16 * GB, 224 * 224 * 64, 32),
        ("cpu", 2 * GB, 224 * 224 * 64, 8),
        ("cpu", GB // 16, 224 * 224 * 64, 1),
        ("cpu", 0, 224 * 224 * 64, 1),
        ("gpu", 24 * GB, 224 * 224 * 64, 256),
        ("gpu", 12 * GB, 224 * 224 * 64, 128),
        ("gpu", 4 * GB, 224 * 224 * 64, 32),
        ("gpu", 80 * GB, 32 * 32 * 64, 256),
    ],
)
def test_the_batch_size_is_limited_by_memory_and_by_speed(kind, memory, widest, size):
    assert choose_batch_size("auto", Device(kind, "a processor", memory), widest) == size


@given(devices, st.integers(1, 10**8))
def test_the_batch_size_is_a_power_of_two_that_fits(found, widest):
    size = choose_batch_size("auto", found, widest)

    assert size & (size - 1) == 0
    assert size <= (32 if found.kind == "cpu" else 256)
    assert size == 1 or size * widest * 4 * 3 <= found.memory / 2


@given(devices, st.integers(0, 200 * GB), st.integers(1, 10**8))
def test_more_memory_never_reduces_the_batch_size(found, more, widest):
    larger = Device(found.kind, found.name, found.memory + more)

    assert choose_batch_size("auto", larger, widest) >= choose_batch_size("auto", found, widest)


@given(devices, st.integers(1, 10**8), st.integers(1, 10**8))
def test_a_wider_network_never_increases_the_batch_size(found, widest, more):
    assert choose_batch_size("auto", found, widest + more) <= choose_batch_size(
        "auto", found, widest
    )


@given(devices, st.integers(1, 65536))
def test_a_requested_batch_size_is_used(found, asked):
    assert choose_batch_size(asked, found, 10**8) == asked


def test_the_device_of_this_computer_has_free_memory():
    found = device.detect_device()

    assert found.kind in ("cpu", "gpu")
    assert str(found) == found.name
    assert 0 < found.memory < 2**60
    assert found.half in ("", "float16", "bfloat16")


def test_free_memory_is_less_than_total_memory():
    import psutil

    assert 0 < device.free_memory() < psutil.virtual_memory().total


def test_an_inference_only_backend_is_refused():
    program = f"""
from dl_magics.errors import {BadSetting.__name__}
from dl_magics.training.engine import device
try:
    device.detect_device()
except BadSetting as refused:
    print(*refused._render_traceback_(), sep="\\n")
"""
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_BACKEND": "numpy", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.splitlines() == [
        "BadSetting: Keras runs on numpy here, which cannot train.",
        "  Choose one of tensorflow, jax, torch and restart the kernel: "
        "%env KERAS_BACKEND=tensorflow",
    ]


class Gpu:
    def __init__(self, platform, name, number):
        self.platform, self.device_kind, self.id = platform, name, number
        self.compute_capability = "7.5"

    def memory_stats(self):
        return {"bytes_limit": (15 + self.id) * GB}


class Gpus:
    """Replaces the parts of TensorFlow, JAX and PyTorch that report GPUs."""

    def __init__(self, platform="gpu", names=("Tesla T4",)):
        self.config = self.cuda = self.experimental = self
        self.platform = platform
        self.gpus = [Gpu(platform, name, number) for number, name in enumerate(names)]

    def get_visible_devices(self, kind):
        return self.gpus

    def get_logical_device_configuration(self, gpu):
        return None

    def get_device_details(self, gpu):
        return {"device_name": gpu.device_kind, "compute_capability": (7, 5)}

    def local_devices(self):
        return self.gpus

    def is_available(self):
        return self.platform != "cpu"

    def current_device(self):
        return 0

    def device_count(self):
        return len(self.gpus)

    def mem_get_info(self):
        return 15 * GB, 16 * GB

    def get_device_name(self, number=0):
        return self.gpus[number].device_kind

    def get_device_capability(self):
        return (7, 5)


@pytest.fixture
def nvidia_smi(monkeypatch, tmp_path):
    """Put an `nvidia-smi` on PATH that prints the given text."""

    def says(text, code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return says


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_gpu_is_detected_with_its_memory_and_precision(monkeypatch, nvidia_smi, backend):
    nvidia_smi(15 * 1024)
    monkeypatch.setattr("keras.config.backend", lambda: backend)
    monkeypatch.setitem(sys.modules, backend, Gpus())

    assert device.detect_device() == Device("gpu", "Tesla T4", 15 * GB, "float16")


@pytest.mark.parametrize(
    ("backend", "members"),
    [
        ("tensorflow", ("GPU:0", "GPU:2", "GPU:3")),
        ("jax", ("gpu:0", "gpu:2", "gpu:3")),
        ("torch", ()),  # Keras computes on one
    ],
)
def test_gpus_of_the_kind_of_the_first_are_used_and_the_others_named(
    monkeypatch, nvidia_smi, backend, members
):
    names = ("Tesla T4", "NVIDIA A10G", "Tesla T4", "Tesla T4")
    nvidia_smi("20480\n15360\n20480\n20480")
    monkeypatch.setattr("keras.config.backend", lambda: backend)
    monkeypatch.setitem(sys.modules, backend, Gpus(names=names))

    found = device.detect_device()

    assert (found.name, found.memory, found.members) == ("Tesla T4", 15 * GB, members)
    assert str(found) == ("3 × Tesla T4" if members else "Tesla T4")
    assert found.idle == (("NVIDIA A10G",) if members else names[1:])


def test_the_free_memory_is_that_of_the_gpus_that_are_visible(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\ncase "$*" in *--id=1) echo 8192;; *) echo 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setattr("keras.config.backend", lambda: "tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", Gpus())

    assert device.detect_device().memory == 8 * GB


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_without_a_gpu_the_cpu_is_used(monkeypatch, backend):
    monkeypatch.setattr("keras.config.backend", lambda: backend)
    monkeypatch.setitem(sys.modules, backend, Gpus("cpu"))

    found = device.detect_device()

    assert found.kind == "cpu"
    assert found.half == ""


@pytest.mark.parametrize(("said", "code"), [("", 0), ("[N/A]", 0), ("no driver", 9)])
def test_a_gpu_of_unknown_memory_is_treated_as_a_small_one(monkeypatch, nvidia_smi, said, code):
    nvidia_smi(said, code)
    monkeypatch.setattr("keras.config.backend", lambda: "tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", Gpus())

    assert device.detect_device().memory == 4 * GB


def test_retracing_warnings_are_hidden_and_others_are_not(caplog):
    logger = logging.getLogger("tensorflow")

    with device.hide_retracing_warnings():
        logger.info("Using MirroredStrategy with devices")
        logger.warning("5 out of the last 5 calls triggered tf.function retracing.")
        logger.warning("The disk is full.")
    logger.warning("Again, retracing.")

    assert caplog.messages == ["The disk is full.", "Again, retracing."]

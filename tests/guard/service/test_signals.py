"""What the guard reads of the system."""

from __future__ import annotations

import os

import pytest

from dl_magics.guard.service import signals

NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that "
    "the latest NVIDIA driver is installed and running."
)


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Install an `nvidia-smi` that prints a text and exits with a status."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(text, status=0):
        file = tmp_path / "nvidia-smi"
        file.write_text(f"#!/bin/sh\ncat <<'EOF'\n{text}\nEOF\nexit {status}\n")
        file.chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("text", "status", "percents"),
    [
        ("93", 0, (93.0,)),
        ("0\n7\n100\n0", 0, (0.0, 7.0, 100.0, 0.0)),
        ("No devices were found", 6, ()),
        (NO_DRIVER, 9, ()),
    ],
)
def test_the_utilization_of_each_gpu_is_read(nvidia_smi, text, status, percents):
    nvidia_smi(text, status)

    assert signals.read_gpu_percents() == percents


@pytest.mark.parametrize(
    ("text", "status"), [("[N/A]", 0), ("Unable to determine the device handle", 15), ("12", 255)]
)
def test_a_utilization_that_cannot_be_told_is_a_failed_check(nvidia_smi, text, status):
    nvidia_smi(text, status)

    with pytest.raises(ValueError, match=r"."):
        signals.read_gpu_percents()


def test_waiting_for_a_disk_is_no_use_of_the_cpu(tmp_path):
    file = tmp_path / "stat"
    file.write_text("cpu  100 20 30 9999 8888 4 6 0 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n")

    assert signals.read_cpu_seconds(str(file)) == 160 / os.sysconf("SC_CLK_TCK")


def test_the_loopback_is_no_network(tmp_path):
    file = tmp_path / "dev"
    file.write_text(
        "Inter-| Receive | Transmit\n face |bytes |bytes\n"
        "    lo: 999 0 0 0 0 0 0 0 999 0 0 0 0 0 0 0\n"
        "  ens5: 500 1 0 0 0 0 0 0 70 1 0 0 0 0 0 0\n"
    )

    assert signals.read_network_bytes(str(file)) == 570
    assert signals.read_network_bytes(str(tmp_path / "none")) == 0


def test_what_was_typed_in_a_terminal_counts_and_not_its_output(tmp_path):
    terminal = tmp_path / "3"
    terminal.touch()
    (tmp_path / "ptmx").touch()
    os.utime(terminal, (1000.0, 5000.0))

    assert signals.read_last_typing(str(tmp_path)) == 1000.0
    assert signals.read_last_typing(str(tmp_path / "none")) == 0.0

"""Fixtures: a laptop and an instance as network namespaces, and a GPU kernel on the instance."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from dl_magics.gpu_kernel.client import GpuKernel
from support.two_hosts import lab as lab_of_two_hosts
from support.two_hosts.lab import Lab


@pytest.fixture(scope="module")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if why := lab_of_two_hosts.missing():
        pytest.skip(f"No lab of two hosts here: {why}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", str(tmp_path_factory.mktemp("lab-home")))
        lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def lab(running_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Two hosts and an undisturbed wire; the test runs on the laptop."""
    monkeypatch.setenv("DL_MAGICS_HOME", running_lab.home)
    with running_lab.entered():
        yield running_lab
        running_lab.mend()


@pytest.fixture(scope="module")
def run_dir(running_lab: Lab) -> Iterator[str]:
    """The run folder of the kernel that a module shares; if it was ended, a new one starts."""
    run_dir = running_lab.new_run_dir()
    yield run_dir
    running_lab.end(run_dir)


@pytest.fixture
def kernel(lab: Lab, run_dir: str) -> Iterator[GpuKernel]:
    """The shared kernel, idle, over a separate link."""
    kernel = GpuKernel.attach(lab.login, run_dir, sys.executable)
    if kernel.state == "busy":
        kernel.interrupt()
    list(kernel.execute("%reset -f"))
    yield kernel
    lab.mend()
    kernel.close()

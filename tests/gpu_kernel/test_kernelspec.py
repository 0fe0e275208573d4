from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.gpu_kernel import kernelspec


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> NotebookKernel:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    host = SshHost(alias="i-0abc", name="evening")
    kernel: Any = None
    return NotebookKernel(host, "/opt/keras/bin/python", "keras", "", kernel)


def listed() -> dict[str, Any]:
    return KernelSpecManager().get_all_specs()


def test_the_launcher_offers_the_instance_by_its_name(kernel):
    notebook_kernel.write_kernelspec(kernel)

    spec = listed()["dl-magics-i-0abc"]["spec"]
    assert spec["display_name"] == "Python (GPU: evening)"
    assert spec["language"] == "python"
    assert spec["interrupt_mode"] == "message"
    assert spec["argv"][0] == sys.executable
    assert "{connection_file}" in spec["argv"]


def test_writing_it_twice_makes_one_entry(kernel):
    first = notebook_kernel.write_kernelspec(kernel).read_text("utf-8")

    assert notebook_kernel.write_kernelspec(kernel).read_text("utf-8") == first
    assert [name for name in listed() if name.startswith("dl-magics")] == ["dl-magics-i-0abc"]


def test_an_instance_that_was_given_back_is_offered_no_more(kernel):
    notebook_kernel.write_kernelspec(kernel)

    kernelspec.remove_kernelspec("i-0abc")
    kernelspec.remove_kernelspec("i-0abc")

    assert "dl-magics-i-0abc" not in listed()


def test_no_secret_stands_in_it(kernel):
    told = json.loads(notebook_kernel.write_kernelspec(kernel).read_text("utf-8"))

    assert "key" not in json.dumps(told).lower().replace("kernel", "")

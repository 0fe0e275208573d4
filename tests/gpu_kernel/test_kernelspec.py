from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.aws.profile import AwsProfile
from dl_magics.gpu_kernel import kernelspec


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> NotebookKernel:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    host = SshHost(alias="i-0abc", name="evening")
    kernel: Any = None
    return NotebookKernel("1", host, "/opt/keras/bin/python", "keras", "", kernel)


def listed() -> dict[str, Any]:
    return KernelSpecManager().get_all_specs()


def test_the_launcher_shows_the_name_of_the_instance(kernel):
    notebook_kernel.write_kernelspec(kernel)

    spec = listed()["dl-magics-i-0abc"]["spec"]
    assert spec["display_name"] == "Python (GPU: evening)"
    assert spec["language"] == "python"
    assert spec["interrupt_mode"] == "message"
    assert spec["argv"][0] == sys.executable
    assert "{connection_file}" in spec["argv"]


def test_writing_the_kernelspec_twice_makes_one_entry(kernel):
    first = notebook_kernel.write_kernelspec(kernel).read_text("utf-8")

    assert notebook_kernel.write_kernelspec(kernel).read_text("utf-8") == first
    assert [name for name in listed() if name.startswith("dl-magics")] == ["dl-magics-i-0abc"]


def test_the_kernelspec_of_a_terminated_instance_is_removed(kernel):
    notebook_kernel.write_kernelspec(kernel)

    kernelspec.remove_kernelspec("i-0abc")
    kernelspec.remove_kernelspec("i-0abc")

    assert "dl-magics-i-0abc" not in listed()


def test_the_kernelspec_has_the_profile_and_region_of_the_notebook(kernel, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    host = replace(kernel.host, profile=AwsProfile(region="eu-central-1"))
    notebook_kernel.write_kernelspec(replace(kernel, host=host))

    argv = listed()["dl-magics-i-0abc"]["spec"]["argv"]
    profile = json.loads(argv[argv.index("--profile") + 1])
    assert (profile["profile"], profile["region"]) == ("lab", "eu-central-1")


def test_the_kernelspec_contains_no_secret(kernel, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    host = replace(kernel.host, profile=AwsProfile(region="eu-central-1"))
    written = notebook_kernel.write_kernelspec(replace(kernel, host=host)).read_text("utf-8")

    assert "key" not in written.lower().replace("kernel", "")
    assert "AKIA" not in written
    assert "a secret" not in written

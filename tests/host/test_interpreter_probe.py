from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

from dl_magics.host import interpreter_probe


def test_versions_and_builds_are_found_without_importing_packages():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", interpreter_probe.__file__],
        capture_output=True,
        text=True,
        check=True,
    )

    facts = json.loads(done.stdout)
    assert facts["packages"]["keras"] == version("keras")
    assert facts["builds"].keys() >= {"tensorflow"}
    assert facts["prefix"] == sys.prefix
    assert facts["is_venv"]
    assert not {"keras", "tensorflow", "torch"} & {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
    }


def test_cuda_builds_are_read_from_files_of_the_packages(tmp_path):
    class Distribution:
        def __init__(self, files):
            self.files = files

        def locate_file(self, path):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(self.files[path])
            return tmp_path / path

    info = "tensorflow/python/platform/build_info.py"
    built = (
        "OrderedDict([('cuda_compute_capabilities', ['sm_60', 'compute_90']), "
        "('cuda_version', '12.5.1')])"
    )
    found = {
        "tensorflow": Distribution({info: built}),
        "torch": Distribution({"torch/version.py": "cuda: Optional[str] = '12.6'\n"}),
        "jax": Distribution({}),
        "jax-cuda12-plugin": Distribution({}),
    }

    assert interpreter_probe.find_cuda_builds(found) == {
        "tensorflow": "12.5.1",
        "torch": "12.6",
        "jax": "12",
    }
    assert interpreter_probe.find_capabilities(found) == [6.0, 9.0]


def test_cpu_builds_have_no_cuda_version():
    class Empty:
        def locate_file(self, path):
            return "/nowhere"

    found = {"tensorflow-cpu": Empty(), "torch": Empty(), "jax": Empty()}

    assert interpreter_probe.find_cuda_builds(found) == {"tensorflow": "", "torch": "", "jax": ""}
    assert interpreter_probe.find_capabilities(found) == []

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

from dl_magics.host import interpreter_probe


def test_it_tells_versions_and_builds_without_importing_anything():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", interpreter_probe.__file__],
        capture_output=True,
        text=True,
        check=True,
    )

    said = json.loads(done.stdout)
    assert said["packages"]["keras"] == version("keras")
    assert said["builds"].keys() >= {"tensorflow"}
    assert said["prefix"] == sys.prefix
    assert said["is_venv"]
    assert not {"keras", "tensorflow", "torch"} & {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
    }


def test_the_builds_are_read_from_the_packages_own_files(tmp_path):
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


def test_builds_for_cpus_are_told_apart():
    class Empty:
        def locate_file(self, path):
            return "/nowhere"

    found = {"tensorflow-cpu": Empty(), "torch": Empty(), "jax": Empty()}

    assert interpreter_probe.find_cuda_builds(found) == {"tensorflow": "", "torch": "", "jax": ""}
    assert interpreter_probe.find_capabilities(found) == []

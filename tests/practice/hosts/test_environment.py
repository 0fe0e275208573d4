from __future__ import annotations

import subprocess

from dl_magics.practice.hosts import environment


def test_the_environment_has_the_packages_of_this_interpreter(tmp_path):
    environment.create_environment(tmp_path)

    said = "import sys, ipykernel, numpy; print(sys.prefix)"
    python = tmp_path / ".venvs" / environment.ENVIRONMENT_NAME / "bin" / "python"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == str(tmp_path / ".venvs" / environment.ENVIRONMENT_NAME)

from __future__ import annotations

import subprocess

from dl_magics.practice.hosts import environment


def test_the_python_of_a_practice_host_has_what_this_one_has(tmp_path):
    environment.make(tmp_path)

    said = "import sys, ipykernel, numpy; print(sys.prefix)"
    python = tmp_path / ".venvs" / environment.NAME / "bin" / "python"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == str(tmp_path / ".venvs" / environment.NAME)

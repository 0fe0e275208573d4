from __future__ import annotations

import subprocess
import sys

import pytest

from dl_magics.__main__ import main


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--help"], 0), (["practise"], 2)])
def test_the_command_line_prints_its_usage(words, status, capsys):
    assert main(words) == status

    assert "dl-magics practice" in capsys.readouterr().out


def test_stopping_a_practice_cloud_that_is_not_running_succeeds(tmp_path):
    command = [sys.executable, "-m", "dl_magics", "practice", "--stop", "--folder", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")

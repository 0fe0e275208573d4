from __future__ import annotations

import sys
from pathlib import Path

from dl_magics.keras_config import subprocess_probe


def test_other_output_is_ignored():
    code = "print('a note')\nsay('well')\nprint('another')"

    assert subprocess_probe.run_probe(sys.executable, code) == ("well", "")


def test_the_keras_home_and_variable_of_the_user_are_not_used(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    code = "import os\nsay(os.environ.get('KERAS_BACKEND', '') + os.environ['KERAS_HOME'])"

    value, _ = subprocess_probe.run_probe(sys.executable, code)

    assert "dl-magics-" in value
    assert "theano" not in value
    assert not Path(value).exists()


def test_the_error_is_the_last_line_of_a_traceback():
    assert subprocess_probe.run_probe(sys.executable, "say('well')\nimport nothing_like_it") == (
        "",
        "ModuleNotFoundError: No module named 'nothing_like_it'",
    )


def test_the_exit_status_is_reported_without_output():
    assert subprocess_probe.run_probe(sys.executable, "import os\nos._exit(3)") == (
        "",
        "it exited with status 3",
    )


def test_a_probe_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(subprocess_probe, "_SECONDS", 0.2)

    _, error = subprocess_probe.run_probe(sys.executable, "import time\ntime.sleep(600)")

    assert error.startswith("it did not finish within 0.2 seconds")

from __future__ import annotations

import sys
from pathlib import Path

from dl_magics.keras_config import subprocess_probe


def test_it_says_what_the_code_says_among_all_that_is_written():
    code = "print('a note')\nsay('well')\nprint('another')"

    assert subprocess_probe.run_probe(sys.executable, code) == ("well", "")


def test_keras_writes_nothing_into_a_persons_folder_and_heeds_no_variable(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    code = "import os\nsay(os.environ.get('KERAS_BACKEND', '') + os.environ['KERAS_HOME'])"

    told, _ = subprocess_probe.run_probe(sys.executable, code)

    assert "dl-magics-" in told
    assert "theano" not in told
    assert not Path(told).exists()


def test_an_error_is_its_last_line():
    assert subprocess_probe.run_probe(sys.executable, "say('well')\nimport nothing_like_it") == (
        "",
        "ModuleNotFoundError: No module named 'nothing_like_it'",
    )


def test_an_end_without_a_word_is_its_status():
    assert subprocess_probe.run_probe(sys.executable, "import os\nos._exit(3)") == (
        "",
        "it exited with status 3",
    )


def test_what_takes_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr(subprocess_probe, "_SECONDS", 0.2)

    _, why = subprocess_probe.run_probe(sys.executable, "import time\ntime.sleep(600)")

    assert why.startswith("it did not finish within 0.2 seconds")

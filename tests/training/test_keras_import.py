from __future__ import annotations

import subprocess
import sys

# Python's import of a file is slow enough to be stopped, and can fail.
SCRIPT = """
import os, signal, sys, threading, time
from pathlib import Path
from dl_magics.training.keras_import import import_keras
Path("keras.py").write_text("import time; time.sleep(1)\\n" + {body!r})
sys.path.insert(0, "")
try:
    import_keras(lambda: {stop})
except KeyboardInterrupt as stopped:
    print("stopped", "done" in vars(sys.modules["keras"]))
    import keras
    print(keras.done)
except ImportError as error:
    print(error)
else:
    print("imported", sys.modules["keras"].done)
"""


def run(folder, body="done = True", *, stop=False):
    script = SCRIPT.format(body=body, stop=stop)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_keras_is_imported(tmp_path):
    assert run(tmp_path) == ["imported True"]


def test_a_stop_does_not_wait_for_the_import_which_is_completed(tmp_path):
    assert run(tmp_path, stop=True) == ["stopped False", "True"]


def test_the_error_of_the_import_is_raised(tmp_path):
    assert run(tmp_path, "raise ImportError('no backend')") == ["no backend"]

"""Check that the Keras of this computer loads a model that another computer saved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dl_magics.errors import NotLoadable

# A process of its own, so that Keras is not imported into the notebook's kernel.
_LOAD = """
import sys, keras
keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
"""


def check_loads(file: Path, versions: Mapping[str, str]) -> None:
    """Load a model; `versions` are those of the packages that saved it.

    Raises
    ------
    NotLoadable
        where Keras fails, with the last line of its error.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOAD, str(file)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if not done.returncode:
        return
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    raise NotLoadable(
        f"{file} was copied without errors, but the local Keras cannot load it: {last[0]:.200}",
        fix=f"%pip install keras=={versions.get('keras', 'VERSION')}, the version of the host · "
        "in the GPU kernel the model is run.model.",
    )

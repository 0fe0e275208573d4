"""Whether the Keras of this computer loads a model that was saved on another one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dl_magics.errors import NotLoadable

# A process of its own, so that nothing of Keras comes into the person's kernel.
_LOAD = "import sys, keras; keras.saving.load_model(sys.argv[1], compile=False)"


def check_loads(file: Path, versions: Mapping[str, str]) -> None:
    """Load a model; `versions` are those that it was saved with.

    Raises
    ------
    NotLoadable
        with the last line of what Keras said.
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
    said = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
    raise NotLoadable(
        f"{file} came home whole, but the Keras here cannot load it: {said[0]:.200}",
        fix=f"pip install keras=={versions.get('keras', 'VERSION')} as there · "
        "it is in the GPU kernel as run.model, and all numbers are in the log.",
    )

"""These tests play a hostile instance, and other users of the same computer: nothing of what they
send may change this computer beyond what was asked for.

Each file is named after what is attacked, not after a module; the modules' own tests are in the
folder of their package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

UID = 65534


_AS: Any = {"user": UID, "group": UID, "extra_groups": [], "cwd": "/", "env": {"PATH": os.defpath}}


@cache
def _python() -> str | None:
    """Return an interpreter that the other user may run."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        command = [python, "-c", "import fcntl, hashlib, socket"]
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL, **_AS)
            return python
    return None


class LocalUser:
    """Runs Python code as another user of this computer."""

    uid = UID

    def start(self, code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [str(_python()), "-c", code, *map(str, arguments)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **_AS
        )

    def run(self, code: str, *arguments: object) -> str:
        """Return what the code prints."""
        done = self.start(code, *arguments)
        printed, _ = done.communicate(timeout=60)
        assert done.returncode == 0, printed
        return printed


@pytest.fixture
def other_user() -> LocalUser:
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can run a program as another user")
    if _python() is None:
        pytest.skip("the other user may run no Python here")
    return LocalUser()


@pytest.fixture(scope="session")
def session_open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dl-magics-open-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_folder(session_open_folder: Path) -> Path:
    """A new folder that all users may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(dir=session_open_folder))
    folder.chmod(0o755)
    return folder

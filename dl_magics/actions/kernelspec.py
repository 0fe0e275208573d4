"""The launcher's entry "Python (GPU: NAME)": an ordinary kernelspec that starts our bridge."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics import home

if TYPE_CHECKING:
    from dl_magics.actions.connect import Connection

_PREFIX = "dl-magics-"


def write(connection: Connection) -> Path:
    """Let the launcher offer a whole notebook on this instance; return the kernelspec's file."""
    file = _folder() / f"{_PREFIX}{_plain(connection.way.alias)}" / "kernel.json"
    spec = {
        "argv": [
            sys.executable,
            *("-m", "dl_magics", "kernel", "-f", "{connection_file}"),
            *("--where", connection.way.alias, "--name", connection.way.name),
            *("--python", connection.python, "--activate", connection.activate),
            *("--identity", connection.way.identity or ""),
        ],
        "display_name": f"Python (GPU: {connection.way.name})",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"debugger": False, "dl_magics": {"alias": connection.way.alias}},
    }
    home.replace(file, json.dumps(spec, indent=2) + "\n")
    return file


def remove(alias: str) -> None:
    """Take the entry of an instance that was given back out of the launcher."""
    shutil.rmtree(_folder() / f"{_PREFIX}{_plain(alias)}", ignore_errors=True)


def _folder() -> Path:
    return home.jupyter_data() / "kernels"


def _plain(alias: str) -> str:
    # Jupyter takes letters, digits, dots, dashes and underscores in a kernel's name.
    return "".join(letter if letter.isalnum() else "-" for letter in alias.lower())

"""The kernelspec "Python (GPU: NAME)" in the Jupyter launcher, which starts the bridge."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dl_magics.store import atomic, paths

_PREFIX = "dl-magics-"


def write_kernelspec(
    *,
    alias: str,
    name: str,
    python: str,
    activate: str,
    identity: str | None,
    profile: Mapping[str, Any],
) -> Path:
    """Write the kernelspec of a host and return its file.

    `alias` is an instance id or `user@host`, `name` the displayed name, `python` the interpreter on
    the host, `activate` a line of bash that runs before it, `identity` a private key file,
    `profile` the fields of the AWS profile and region of an instance.
    """
    file = _folder() / f"{_PREFIX}{_plain(alias)}" / "kernel.json"
    spec = {
        "argv": [
            sys.executable,
            *("-m", "dl_magics", "kernel", "-f", "{connection_file}"),
            *("--where", alias, "--name", name),
            *("--python", python, "--activate", activate),
            *("--identity", identity or ""),
            *("--profile", json.dumps(profile)),
        ],
        "display_name": f"Python (GPU: {name})",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"debugger": False, "dl_magics": {"alias": alias}},
    }
    atomic.replace(file, json.dumps(spec, indent=2) + "\n")
    return file


def remove_kernelspec(alias: str) -> None:
    """Remove the kernelspec of a host, such as a terminated instance, from the launcher."""
    shutil.rmtree(_folder() / f"{_PREFIX}{_plain(alias)}", ignore_errors=True)


def _folder() -> Path:
    return paths.jupyter_data_folder() / "kernels"


def _plain(alias: str) -> str:
    # Jupyter allows letters, digits, dots, dashes and underscores in a kernel's name.
    return "".join(letter if letter.isalnum() else "-" for letter in alias.lower())

"""Run a command of the system for its effect."""

from __future__ import annotations

import subprocess


def run_command(words: list[str], seconds: float) -> str:
    """Run a command for so many seconds at most; return why it failed, or "" if it did not."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if not done.returncode:
        return ""
    said = done.stderr.decode("utf-8", "replace").strip()
    return said or f"{words[0]}: exit status {done.returncode}"

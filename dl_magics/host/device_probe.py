"""What the framework of an interpreter really sees, asked in a process of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from importlib.resources import files

from dl_magics.host.info import Interpreter
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class FrameworkDevices:
    """What Keras said: its version, its backend, and the GPUs that the backend finds."""

    keras: str = ""
    backend: str = ""
    gpus: tuple[str, ...] = ()
    error: str = ""


async def probe_devices(target: SshTarget, interpreter: Interpreter) -> FrameworkDevices:
    """Import Keras in an interpreter of the host and return what its backend finds.

    The first import on a new instance may take half a minute.
    """
    there = await connection.connect_shared(target)
    script = files("dl_magics.host").joinpath("device_probe_script.py").read_text("utf-8")
    activate = f"{interpreter.activation} && " if interpreter.activation else ""
    # Without -I or a file, Python would import from the home folder first.
    run = f"import sys; sys.path[:] = filter(None, sys.path); exec({script!r})"
    command = f"{activate}cd / && exec {shlex.quote(interpreter.path)} -c {shlex.quote(run)}"
    with connection.translate_errors(target):
        try:
            done = await there.run(
                f"exec sh -c {shlex.quote(command)}",
                stdin=subprocess.DEVNULL,
                check=False,
                errors="replace",
                timeout=_PATIENCE_SECONDS,
            )
        except TimeoutError:
            return FrameworkDevices(error=f"it said nothing for {_PATIENCE_SECONDS} seconds")
    return told(str(done.stdout), str(done.stderr))


def told(stdout: str, stderr: str) -> FrameworkDevices:
    """Return what the answer means, whatever else was printed."""
    for line in stdout.splitlines():
        if line.startswith("DLM-SEEN "):
            facts = json.loads(line.partition(" ")[2])
            return FrameworkDevices(
                keras=facts.get("keras", ""),
                backend=facts.get("backend", ""),
                gpus=tuple(facts.get("gpus", ())),
                error=facts.get("error", ""),
            )
    last = (stderr.strip().splitlines() or ["it ended without a word"])[-1]
    return FrameworkDevices(error=last[:400])

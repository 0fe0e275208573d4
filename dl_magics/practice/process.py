"""The practice cloud as a process of its own, which outlives the kernel that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.errors import MachineError
from dl_magics.practice.ec2.faults import FAULTS
from dl_magics.store import atomic

RECORD = "practice.json"
LOG = "practice.log"
PORTS = range(20000, 32000)
TIMEOUT_SECONDS = 30.0
_TIED: list[subprocess.Popen[bytes]] = []
"""What ends when its standard input does: whoever forgets it here closes that."""


class PracticeFailed(MachineError):
    """The practice cloud does not do what it was asked for."""


@dataclass(frozen=True)
class Practice:
    """A practice cloud that answers.

    Parameters
    ----------
    id
        What it knows itself by; whoever knows it too may control it.
    """

    folder: Path
    id: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"

    def fault(self, name: str, *, times: int = 1, **aim: Any) -> None:
        """Let something go wrong; aim it with `instance`, `actions` or `seconds`."""
        if name not in FAULTS:
            raise PracticeFailed(f"No fault is called {name!r}.", fix=f"One of {', '.join(FAULTS)}")
        self.control("fault", {"name": name, "times": times, **aim})

    def forgive(self) -> None:
        """Let nothing go wrong any more."""
        self.control("forgive", {})

    def control(self, wish: str, document: dict[str, Any] | None = None) -> None:
        """Send it a wish; raise OSError if it is not there, or is another one."""
        request = urllib.request.Request(
            f"{self.url}/_practice/{wish}",
            data=json.dumps(document).encode() if document is not None else None,
            headers={"X-Practice": self.id},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=TIMEOUT_SECONDS):
            pass


def start(folder: Path, *, delay: float = 2.0, boot: float = 1.0, tied: bool = False) -> Practice:
    """Return the practice cloud of this folder; start it if it does not run.

    An instance is pending, stopping or shutting down for `delay` seconds; its SSH answers
    `boot` seconds after it runs. One that is `tied` ends with this process, however that ends.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if found := find(folder):
        return found
    command = [sys.executable, "-m", "dl_magics.practice", "--folder", str(folder)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (folder / LOG).open("ab") as log:
        child = subprocess.Popen(
            [*command, "--delay", str(delay), "--boot", str(boot), *(["--tied"] if tied else [])],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean,
            start_new_session=True,
        )
    for ended in [each for each in _TIED if each.poll() is not None]:
        ended.communicate()
        _TIED.remove(ended)
    if tied:
        _TIED.append(child)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if found := find(folder):
            if found.pid != child.pid:
                # Somebody else was quicker; ours must not wait for its turn.
                child.terminate()
                child.wait()
            return found
        if child.poll() and not find(folder):
            break
        time.sleep(0.05)
    said = (folder / LOG).read_text(errors="replace").strip().splitlines()[-1:]
    raise PracticeFailed(
        f"The practice cloud did not start: {' '.join(said) or 'it said nothing'}.",
        fix=f"dl-magics practice shows more, as does {folder / LOG}",
    )


def find(folder: Path) -> Practice | None:
    """Return the practice cloud of this folder if it answers; no record is believed unasked."""
    folder = folder.absolute()
    try:
        record = json.loads((folder / RECORD).read_text())
        practice = Practice(folder, record["id"], record["pid"], record["port"])
        practice.control("")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return practice


def stop(folder: Path) -> None:
    """End the practice cloud of this folder and all its hosts; what it knows stays."""
    practice = find(folder)
    if practice is None:
        return
    practice.control("stop", {})
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (practice.folder / RECORD).exists():
        if time.monotonic() > deadline:
            raise PracticeFailed(
                f"The practice cloud (process {practice.pid}) does not end.",
                fix=f"kill {practice.pid}",
            )
        time.sleep(0.02)


def record(practice: Practice) -> None:
    """Write down who runs in this folder, in one step."""
    document = {**asdict(practice), "folder": str(practice.folder)}
    atomic.replace(practice.folder / RECORD, json.dumps(document))


def address(folder: Path) -> str:
    """Return where the practice cloud of this folder is, or will most likely be."""
    try:
        port = json.loads((folder / RECORD).read_text())["port"]
    except (OSError, ValueError, KeyError, TypeError):
        port = first_port(folder)
    return f"http://127.0.0.1:{port}"


def first_port(folder: Path) -> int:
    """Return the port that this folder tries first: always the same."""
    return PORTS[zlib.crc32(str(folder).encode()) % len(PORTS)]

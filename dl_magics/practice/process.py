"""Start, find and stop the process of the practice cloud, which outlives the kernel."""

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

RECORD_FILE = "practice.json"
LOG_FILE = "practice.log"
PORTS = range(20000, 32000)
TIMEOUT_SECONDS = 30.0
_TIED_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Children that stop when their standard input closes; dropping one here would close it."""


class PracticeFailed(MachineError):
    """The practice cloud failed to start, to stop or to carry out a command."""


@dataclass(frozen=True)
class PracticeCloud:
    """A running practice cloud.

    Parameters
    ----------
    folder
        The folder of its state.
    id
        The secret that its control commands require.
    pid, port
        Its process, and the port of its API on 127.0.0.1.
    """

    folder: Path
    id: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """The endpoint URL of its API."""
        return f"http://127.0.0.1:{self.port}"

    def inject_fault(self, name: str, *, times: int = 1, **aim: Any) -> None:
        """Inject a fault; limit it by `instance` or `actions`; `seconds` is its length."""
        if name not in FAULTS:
            raise PracticeFailed(
                f"Unknown fault: {name!r}.", fix=f"Use one of: {', '.join(FAULTS)}"
            )
        self.send_command("fault", {"name": name, "times": times, **aim})

    def clear_faults(self) -> None:
        """Remove all faults that have not occurred yet."""
        self.send_command("clear-faults", {})

    def send_command(self, command: str, document: dict[str, Any] | None = None) -> None:
        """Send a control command; raise OSError if it cannot be reached or has another id."""
        request = urllib.request.Request(
            f"{self.url}/_practice/{command}",
            data=json.dumps(document).encode() if document is not None else None,
            headers={"X-Practice": self.id},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=TIMEOUT_SECONDS):
            pass


def start_cloud(
    folder: Path, *, delay: float = 2.0, boot: float = 1.0, tied: bool = False
) -> PracticeCloud:
    """Return the practice cloud of this folder; start it if it is not running.

    Parameters
    ----------
    folder
        The folder of its state; it is created.
    delay
        Seconds that an instance is pending, stopping or shutting-down.
    boot
        Seconds from running until its SSH server answers.
    tied
        Stop it when this process ends, however this process ends.

    Raises
    ------
    PracticeFailed
        if it does not answer within 30 seconds.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if found := find_cloud(folder):
        return found
    command = [sys.executable, "-m", __package__, "--folder", str(folder)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (folder / LOG_FILE).open("ab") as log:
        child = subprocess.Popen(
            [*command, "--delay", str(delay), "--boot", str(boot), *(["--tied"] if tied else [])],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean,
            start_new_session=True,
        )
    for ended in [each for each in _TIED_CHILDREN if each.poll() is not None]:
        ended.communicate()
        _TIED_CHILDREN.remove(ended)
    if tied:
        _TIED_CHILDREN.append(child)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if found := find_cloud(folder):
            if found.pid != child.pid:
                # Another process started one first.
                child.terminate()
                child.wait()
            return found
        if child.poll() and not find_cloud(folder):
            break
        time.sleep(0.05)
    last_line = (folder / LOG_FILE).read_text(errors="replace").strip().splitlines()[-1:]
    raise PracticeFailed(
        f"The practice cloud did not start: {' '.join(last_line) or 'its log is empty'}.",
        fix=f"Run dl-magics practice to see the error, or read {folder / LOG_FILE}",
    )


def find_cloud(folder: Path) -> PracticeCloud | None:
    """Return the practice cloud of this folder if it answers with the id of its record file."""
    folder = folder.absolute()
    try:
        record = json.loads((folder / RECORD_FILE).read_text())
        practice = PracticeCloud(folder, record["id"], record["pid"], record["port"])
        practice.send_command("")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return practice


def stop_cloud(folder: Path) -> None:
    """Stop the practice cloud of this folder and its hosts; its state is kept."""
    practice = find_cloud(folder)
    if practice is None:
        return
    practice.send_command("stop", {})
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (practice.folder / RECORD_FILE).exists():
        if time.monotonic() > deadline:
            raise PracticeFailed(
                f"The practice cloud (process {practice.pid}) did not stop within 30 s.",
                fix=f"kill {practice.pid}",
            )
        time.sleep(0.02)


def write_record(practice: PracticeCloud) -> None:
    """Write the record file of a running practice cloud, atomically."""
    document = {**asdict(practice), "folder": str(practice.folder)}
    atomic.replace(practice.folder / RECORD_FILE, json.dumps(document))


def api_url(folder: Path) -> str:
    """Return the URL of the API: of the running one, else the one that it will try first."""
    try:
        port = json.loads((folder / RECORD_FILE).read_text())["port"]
    except (OSError, ValueError, KeyError, TypeError):
        port = preferred_port(folder)
    return f"http://127.0.0.1:{port}"


def preferred_port(folder: Path) -> int:
    """Return the port that is tried first for this folder; it depends on the path only."""
    return PORTS[zlib.crc32(str(folder).encode()) % len(PORTS)]

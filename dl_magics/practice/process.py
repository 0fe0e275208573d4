"""Start, find and stop the process of the practice cloud, which outlives the kernel."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import zlib
from contextlib import closing
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Timer
from typing import Any

from dl_magics.errors import MachineError
from dl_magics.practice import proof
from dl_magics.practice.ec2.faults.table import FAULTS
from dl_magics.store import atomic, private

RECORD_FILE = "practice.json"
LOG_FILE = "practice.log"
PORTS = range(20000, 32000)
TIMEOUT_SECONDS = 30.0
UNUSED_SECONDS = 600.0
PROBE_SECONDS = 10.0
MAX_ANSWER_BYTES = 2**16
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
    secret
        Known to it and to who may read its record file; it is never sent.
    pid, port
        Its process, and the port of its API on 127.0.0.1.
    """

    folder: Path
    secret: str = field(repr=False)
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

    def send_command(
        self,
        command: str,
        document: dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Send a control command.

        Raises
        ------
        OSError
            if the practice cloud cannot be reached, refuses the command, or another program
            answers in its place.
        """
        exchange = proof.Exchange(self.secret, self.port, command, proof.create_nonce())
        body = json.dumps(document).encode() if document is not None else b""
        shown = {
            proof.NONCE_HEADER: exchange.nonce,
            proof.PROOF_HEADER: exchange.prove_request(body),
        }
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as channel:
            channel.connect()
            # The timeout of the connection begins again with each byte.
            watchdog = Timer(timeout, channel.sock.shutdown, [socket.SHUT_RDWR])
            watchdog.daemon = True
            watchdog.start()
            try:
                channel.request("POST", f"/_practice/{command}", body, shown)
                answer = channel.getresponse()
                received = answer.read(MAX_ANSWER_BYTES)
            except HTTPException as error:
                raise OSError(f"no practice cloud answers at port {self.port}") from error
            finally:
                watchdog.cancel()
        proven = answer.getheader(proof.PROOF_HEADER)
        if not proof.is_equal(proven, exchange.prove_response(received)):
            raise OSError(f"no practice cloud answers at port {self.port}")


def start_cloud(
    folder: Path,
    *,
    delay: float = 2.0,
    boot: float = 1.0,
    minute: float = 60.0,
    alarm_minute: float = 60.0,
    tied: bool = False,
    unused: float = UNUSED_SECONDS,
) -> PracticeCloud:
    """Return the practice cloud of this folder; start it if it is not running.

    Parameters
    ----------
    folder
        The folder of its state; it is created.
    delay
        Seconds that an instance is pending, stopping or shutting-down.
    boot, minute, alarm_minute
        Seconds until its SSH server answers, of a minute of `shutdown` there, of one of CloudWatch.
    tied
        Stop it when this process ends.
    unused
        Stop it when nothing has used it for so many seconds: see `last_use`.

    Raises
    ------
    PracticeFailed
        if it does not answer within 30 seconds.
    """
    folder = private.ensure_folder(folder.absolute())
    if found := find_cloud(folder):
        return found
    stale = _read_record(folder)
    command = [sys.executable, "-m", __package__, "--folder", str(folder)]
    command += ["--delay", str(delay), "--boot", str(boot), "--minute", f"{minute}s"]
    command += ["--alarm-minute", f"{alarm_minute}s", "--unused", f"{unused}s"]
    command += ["--tied"] if tied else []
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with private.open_file(folder / LOG_FILE, "ab") as log:
        child = subprocess.Popen(
            command,
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
        # At the port of a stale record another program may listen, and keep us waiting.
        if _read_record(folder) != stale and (found := find_cloud(folder)):
            if found.pid != child.pid:
                # Another process started one first.
                child.terminate()
                child.wait()
            return found
        if child.poll() and not find_cloud(folder):
            break
        time.sleep(0.05)
    last = " ".join((folder / LOG_FILE).read_text(errors="replace").strip().splitlines()[-1:])
    raise PracticeFailed(
        f"The practice cloud did not start: {last or 'its log is empty'}.",
        fix=f"Run dl-magics practice to see the error, or read {folder / LOG_FILE}",
    )


def find_cloud(folder: Path) -> PracticeCloud | None:
    """Return the practice cloud of this folder if it proves that it wrote the record file.

    This process counts as its user from then on, until it ends.
    """
    practice = _read_record(folder.absolute())
    try:
        if practice:
            practice.send_command("use", {"pid": os.getpid()}, timeout=PROBE_SECONDS)
    except OSError:
        return None
    return practice


def find_foreign_port(folder: Path) -> int | None:
    """Return the port of the record file if a program listens there; call it without a cloud."""
    practice = _read_record(folder.absolute())
    try:
        if practice:
            socket.create_connection(("127.0.0.1", practice.port), PROBE_SECONDS).close()
    except OSError:
        return None
    return practice.port if practice else None


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
    practice = _read_record(folder)
    return practice.url if practice else f"http://127.0.0.1:{preferred_port(folder)}"


def _read_record(folder: Path) -> PracticeCloud | None:
    try:
        record = json.loads((folder / RECORD_FILE).read_text())
        return PracticeCloud(folder, str(record["secret"]), int(record["pid"]), int(record["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def preferred_port(folder: Path) -> int:
    """Return the port that is tried first for this folder; it depends on the path only."""
    return PORTS[zlib.crc32(str(folder).encode()) % len(PORTS)]

"""The kernel's process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from .files import killed_for_memory, open_private, replace, sockets, start_time

LOOK_SECONDS = 0.02


class Kernel:
    """The kernel's process: started by this agent, or adopted from an earlier one.

    It does not depend on the agent's process and outlives it.
    """

    def __init__(self, folder: Path) -> None:
        self.pid = 0
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._since: str | None = None
        self._killed_before = 0

    @property
    def connection_file(self) -> Path:
        return self._folder / "kernel.json"

    @property
    def connection(self) -> dict[str, Any]:
        """The content of the connection file; it uses Unix sockets, not ports."""
        read: dict[str, Any] = json.loads(self.connection_file.read_text())
        return read

    def start(self) -> None:
        """Start a new kernel."""
        for name in sockets(self._folder).glob("k-*"):
            name.unlink()
        ports = {"shell": 1, "iopub": 2, "stdin": 3, "hb": 4, "control": 5}
        connection = {
            "transport": "ipc",
            "ip": str(sockets(self._folder) / "k"),
            "key": uuid.uuid4().hex,
            "signature_scheme": "hmac-sha256",
            "kernel_name": "",
            **{name + "_port": port for name, port in ports.items()},
        }
        replace(self.connection_file, json.dumps(connection))
        # The kernel must outlive the agent; and the debugger's warning is not wanted in its log.
        clean = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
        with open_private(self._folder / "kernel.log", truncate=True) as log:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._how["cwd"] or None,
                env=dict(clean, PYDEVD_DISABLE_FILE_VALIDATION="1"),
                start_new_session=True,
            )
        self._is(self._child.pid)

    @property
    def _how(self) -> dict[str, str]:
        """How to start the kernel; stored in a file for later agents."""
        how: dict[str, str] = json.loads((self._folder / "how.json").read_text())
        return how

    def _command(self) -> list[str]:
        how = self._how
        kernel = [how["python"], "-m", "ipykernel_launcher", "-f", str(self.connection_file)]
        if not how["activate"]:
            return kernel
        return ["bash", "-c", how["activate"] + '\nexec "$@"', "bash", *kernel]

    def adopt(self) -> bool:
        """Find a running kernel of this folder; return whether there is one."""
        wanted = os.fsencode(str(self.connection_file))
        for process in Path("/proc").glob("[0-9]*"):
            pid = int(process.name)
            # Forked children of the kernel have its command line, but do not lead its session.
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if wanted in words and os.getsid(pid) == pid:
                    self._is(pid)
                    return self.ended() is None
        return False

    def ended(self) -> str | None:
        """Return None while the kernel runs, then the reason why it ended."""
        if self._child is None:
            lives = self.pid and start_time(self.pid) == self._since
            return None if lives else self._why(None)
        code = self._child.poll()
        return None if code is None else self._why(code)

    def interrupt(self) -> None:
        """Send SIGINT to the process group of the kernel."""
        if self.ended() is None:
            os.killpg(self.pid, signal.SIGINT)

    async def end(self, patience: float) -> None:
        """Wait up to `patience` seconds for the kernel to exit, then kill its process group."""
        deadline = time.monotonic() + patience
        while self.ended() is None and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        if self.pid:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        while self.ended() is None:
            await asyncio.sleep(LOOK_SECONDS)

    def why_away(self, same_machine: bool) -> str:
        """Return why a kernel is missing that ended while no agent was running."""
        if not same_machine:
            return "the instance was stopped or restarted"
        return "it ended while no agent watched: out of memory, or the instance was restarted"

    def _is(self, pid: int) -> None:
        self.pid, self._since = pid, start_time(pid)
        self._killed_before = killed_for_memory()

    def _why(self, code: int | None) -> str:
        """Return why the kernel ended; the exit status is unknown for an adopted kernel."""
        if code in (None, -signal.SIGKILL) and killed_for_memory() > self._killed_before:
            return "out of memory: the system killed it"
        if code is None:
            return "it ended, probably out of memory or by a crash"
        if code == -signal.SIGKILL:
            return "it was killed (signal 9), probably out of memory"
        if code < 0:
            return f"it crashed ({signal.Signals(-code).name})"
        log = (self._folder / "kernel.log").read_text(errors="replace").strip().splitlines()
        return "it ended with status {}{}".format(code, ": " + log[-1] if code and log else "")

"""What can be wished from the agent of a folder.

start FOLDER [--python P] [--cwd D]   start it, or find it running; a living kernel is
                                      adopted, else one is started
adopt FOLDER                          the same, but no kernel is started
status FOLDER                         how it is, in one line of JSON
attach FOLDER                         its socket on standard input and output
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from .wire import CHUNK_BYTES, as_line

START_SECONDS = 30.0
ASK_SECONDS = 5.0


def ask(folder: Path) -> bytes:
    """Ask the agent of this folder how it is; nothing where there is none."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(ASK_SECONDS)
        try:
            end.connect(str(folder / "agent.sock"))
            end.sendall(as_line({"op": "status"}))
            return end.makefile("rb").readline()
        except OSError:
            return b""


def start(folder: Path, command: list[str]) -> bytes:
    """Start an agent that outlives this process and its session; return how it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    said = ask(folder)
    if said:
        return said
    scope = in_a_scope()
    for prefix in [scope, []] if scope else [[]]:
        said = _spawn(folder, [*prefix, *command])
        if said:
            return said
    tail = (folder / "agent.log").read_text(errors="replace").strip().splitlines()[-1:]
    return as_line({"op": "status", "state": "gone", "why": "".join(tail)})


def _spawn(folder: Path, command: list[str]) -> bytes:
    with (folder / "agent.log").open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    said = b""
    while not said and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
        said = ask(folder)
    return said


def in_a_scope() -> list[str]:
    """Return what to put before a command where systemd ends all when a person logs out."""
    manager = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    question = ["busctl", "get-property", *manager.split(), "KillUserProcesses"]
    try:
        said = subprocess.run(question, stdout=subprocess.PIPE, timeout=ASK_SECONDS, check=False)
        if said.stdout.split() != [b"b", b"true"]:
            return []
        subprocess.run(["loginctl", "enable-linger"], timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]


def run(folder: Path, python: str, cwd: str, may_start: bool) -> None:
    """Be the agent of this folder, if there is no other."""
    from .agent import Agent

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(START_SECONDS)  # whoever asked is answered by the other one
            return
        asyncio.run(Agent(folder, python, cwd).run(may_start))


def attach(folder: Path) -> None:
    """Put the agent's socket on standard input and output."""
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(folder / "agent.sock"))

        def up() -> None:
            data = os.read(0, CHUNK_BYTES)
            while data:
                end.sendall(data)
                data = os.read(0, CHUNK_BYTES)
            end.shutdown(socket.SHUT_WR)

        threading.Thread(target=up, daemon=True).start()
        data = end.recv(CHUNK_BYTES)
        while data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            data = end.recv(CHUNK_BYTES)


def main(myself: list[str]) -> None:
    """Do what the command line says; `myself` is the command that does this again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wish", choices=("start", "adopt", "status", "attach", "run"))
    parser.add_argument("folder", type=lambda word: Path(word).expanduser().absolute())
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cwd", default="")
    parser.add_argument("--adopt-only", action="store_true")
    wishes = parser.parse_args()
    if wishes.wish == "attach":
        attach(wishes.folder)
    elif wishes.wish == "run":
        run(wishes.folder, wishes.python, wishes.cwd, not wishes.adopt_only)
    elif wishes.wish == "status":
        gone = as_line({"op": "status", "state": "gone", "why": "no agent runs there"})
        sys.stdout.buffer.write(ask(wishes.folder) or gone)
    else:
        only = ["--adopt-only"] if wishes.wish == "adopt" else []
        command = [*myself, "run", str(wishes.folder), "--python", wishes.python]
        sys.stdout.buffer.write(start(wishes.folder, [*command, "--cwd", wishes.cwd, *only]))


if __name__ == "__main__":
    main([sys.executable, "-m", "dl_magics.remote.agent"])

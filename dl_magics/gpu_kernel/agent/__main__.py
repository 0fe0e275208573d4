"""What can be wished from the agent of a folder.

`start` it, or find it running: a living kernel is adopted, else one is started; `adopt` is the
same, but no kernel is started; `status` tells in one line of JSON how it is; `attach` puts its
socket on standard input and output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from .files import replace, sockets
from .messages import CHUNK_BYTES, as_line

START_SECONDS = 30.0
ASK_SECONDS = 5.0


def ask(folder: Path) -> bytes:
    """Ask the agent of this folder how it is; nothing where there is none."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(ASK_SECONDS)
        try:
            end.connect(str(sockets(folder) / "agent.sock"))
            end.sendall(as_line({"op": "status"}))
            return end.makefile("rb").readline()
        except OSError:
            return b""


def start(folder: Path, command: list[str]) -> bytes:
    """Start an agent that outlives this process and its session; return how it is."""
    said = ask(folder)
    if said:
        return said
    scope = in_a_scope()
    for prefix in [scope, []] if scope else [[]]:
        said = _spawn(folder, [*prefix, *command])
        if said:
            return said
    tail = (folder / "agent.log").read_text(errors="replace").strip().splitlines()[-1:]
    return gone("".join(tail))


def gone(why: str) -> bytes:
    """Return how it is where there is no agent."""
    return as_line({"op": "status", "state": "gone", "why": why})


def prepare(folder: Path, **how: str) -> None:
    """Make the folder, and keep there how a kernel is to be started."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    replace(folder / "how.json", json.dumps(how))


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


def run(folder: Path, may_start: bool) -> None:
    """Be the agent of this folder, if there is no other."""
    from .agent import Agent

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(START_SECONDS)  # whoever asked is answered by the other one
            return
        asyncio.run(Agent(folder).run(may_start))


def attach(folder: Path) -> None:
    """Put the agent's socket on standard input and output."""
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(sockets(folder) / "agent.sock"))

        def up() -> None:
            data = os.read(0, CHUNK_BYTES)
            while data:
                end.sendall(data)
                data = os.read(0, CHUNK_BYTES)
            end.shutdown(socket.SHUT_WR)

        threading.Thread(target=up, daemon=True).start()
        data = end.recv(CHUNK_BYTES)
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more
            while data:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
                data = end.recv(CHUNK_BYTES)


def main(myself: list[str]) -> None:
    """Do what the command line says; `myself` is the command that does this again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wish", choices=("start", "adopt", "status", "attach", "run"))
    parser.add_argument("folder", type=lambda word: Path(word).expanduser().absolute())
    parser.add_argument("--python", default=sys.executable, help="has ipykernel")
    parser.add_argument("--cwd", default="", help="where the kernel starts")
    parser.add_argument("--activate", default="", help="a line of bash before the kernel")
    parser.add_argument("--adopt-only", action="store_true")
    wishes = parser.parse_args()
    folder, say = wishes.folder, sys.stdout.buffer.write
    command = [*myself, "run", str(folder)]
    if wishes.wish == "attach":
        attach(folder)
    elif wishes.wish == "run":
        run(folder, not wishes.adopt_only)
    elif wishes.wish == "status":
        say(ask(folder) or gone("no agent runs there"))
    elif wishes.wish == "start":
        prepare(folder, python=wishes.python, cwd=wishes.cwd, activate=wishes.activate)
        say(start(folder, command))
    elif (folder / "how.json").exists():
        say(start(folder, [*command, "--adopt-only"]))
    else:
        say(gone(f"its folder {folder} is not there"))


if __name__ == "__main__":
    main([sys.executable, "-m", "dl_magics.gpu_kernel.agent"])

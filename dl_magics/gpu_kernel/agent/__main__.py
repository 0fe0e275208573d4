"""Commands for the agent of a run folder.

`start` starts the agent unless it is running; it adopts a running kernel or starts one. `adopt` is
the same, but does not start a kernel. `status` prints the status as one line of JSON. `attach`
connects the agent's socket to standard input and output.
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

from .files import make_private_folder, open_private, replace, sockets
from .messages import CHUNK_BYTES, as_line

START_SECONDS = 30.0
ASK_SECONDS = 5.0


def ask(folder: Path) -> bytes:
    """Return the status line of the agent of this folder; b"" if none is running."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(ASK_SECONDS)
        try:
            end.connect(str(sockets(folder) / "agent.sock"))
            end.sendall(as_line({"op": "status"}))
            return end.makefile("rb").readline()
        except OSError:
            return b""


def start(folder: Path, command: list[str]) -> bytes:
    """Start an agent that outlives this process and its session; return its status line."""
    status = ask(folder)
    if status:
        return status
    scope = in_a_scope()
    for prefix in [scope, []] if scope else [[]]:
        status = _spawn(folder, [*prefix, *command])
        if status:
            return status
    tail = (folder / "agent.log").read_text(errors="replace").strip().splitlines()[-1:]
    return gone("".join(tail))


def gone(why: str) -> bytes:
    """Return the status line for a folder without an agent."""
    return as_line({"op": "status", "state": "gone", "why": why})


def prepare(folder: Path, **how: str) -> None:
    """Create the folder and store in it how to start the kernel."""
    make_private_folder(folder)
    replace(folder / "how.json", json.dumps(how))


def _spawn(folder: Path, command: list[str]) -> bytes:
    with open_private(folder / "agent.log") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    status = b""
    while not status and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
        status = ask(folder)
    return status


def in_a_scope() -> list[str]:
    """Return the command prefix needed if systemd kills user processes at logout."""
    manager = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
    question = ["busctl", "get-property", *manager.split(), "KillUserProcesses"]
    try:
        answer = subprocess.run(question, stdout=subprocess.PIPE, timeout=ASK_SECONDS, check=False)
        if answer.stdout.split() != [b"b", b"true"]:
            return []
        subprocess.run(["loginctl", "enable-linger"], timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]


def run(folder: Path, may_start: bool) -> None:
    """Run the agent of this folder unless another one is running."""
    from .agent import Agent

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with open_private(folder / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(START_SECONDS)  # the caller gets its reply from the other agent
            return
        asyncio.run(Agent(folder).run(may_start))


def attach(folder: Path) -> None:
    """Connect the agent's socket to standard input and output."""
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
        with contextlib.suppress(BrokenPipeError):  # the reader has exited
            while data:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
                data = end.recv(CHUNK_BYTES)


def main(myself: list[str]) -> None:
    """Run the command line; `myself` is the command that starts this program again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("start", "adopt", "status", "attach", "run"))
    parser.add_argument("folder", type=lambda word: Path(word).expanduser().absolute())
    parser.add_argument("--python", default=sys.executable, help="interpreter with ipykernel")
    parser.add_argument("--cwd", default="", help="working directory of the kernel")
    parser.add_argument("--activate", default="", help="line of bash to run before the kernel")
    parser.add_argument("--adopt-only", action="store_true")
    arguments = parser.parse_args()
    folder, say = arguments.folder, sys.stdout.buffer.write
    command = [*myself, "run", str(folder)]
    if arguments.command == "attach":
        attach(folder)
    elif arguments.command == "run":
        run(folder, not arguments.adopt_only)
    elif arguments.command == "status":
        say(ask(folder) or gone("no agent is running"))
    elif arguments.command == "start":
        prepare(folder, python=arguments.python, cwd=arguments.cwd, activate=arguments.activate)
        say(start(folder, command))
    elif (folder / "how.json").exists():
        say(start(folder, [*command, "--adopt-only"]))
    else:
        say(gone(f"its folder {folder} does not exist"))


if __name__ == "__main__":
    main([sys.executable, "-m", "dl_magics.gpu_kernel.agent"])

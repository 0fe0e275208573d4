"""The practice cloud in the foreground."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path
from threading import Event, Thread

from filelock import FileLock, Timeout
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from dl_magics.practice.ec2.api import Cloud
from dl_magics.practice.ec2.wsgi import Front
from dl_magics.practice.process import (
    PORTS,
    RECORD,
    Practice,
    PracticeFailed,
    find,
    first_port,
    record,
)
from dl_magics.practice.profile import access_key, profile

LOOK_SECONDS = 0.05
LAST_BREATH_SECONDS = 5  # how long one that was just stopped may still hold the folder


def serve(folder: Path, delay: float, boot: float, *, tied: bool = False) -> None:
    """Run the practice cloud of this folder until it is asked to end, or its input ends."""
    lock = FileLock(folder / "lock")
    deadline = time.monotonic() + LAST_BREATH_SECONDS
    while not _got(lock):
        if find(folder) or time.monotonic() > deadline:
            raise PracticeFailed(
                f"A practice cloud already runs in {folder}.", fix="dl-magics practice --stop"
            )
    with _listen(folder) as listener:
        _serve(listener, folder, delay, boot, tied=tied)


def _got(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        return False
    return True


def _serve(listener: socket.socket, folder: Path, delay: float, boot: float, *, tied: bool) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = listener.getsockname()[1]
    practice = Practice(folder, secrets.token_hex(16), os.getpid(), port)
    record(practice)
    made = profile(folder)
    cloud = Cloud(folder, practice.url, access_key(made), delay, boot)
    ended = Event()
    server = make_server(
        "127.0.0.1",
        port,
        Front(cloud, practice.id, ended.set),
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True).start()
    if tied:
        Thread(target=_end_with_input, args=(ended,), daemon=True).start()
    try:
        cloud.keep_settling(ended)
        cloud.end()
    finally:
        server.shutdown()
        (folder / RECORD).unlink(missing_ok=True)


def _end_with_input(ended: Event) -> None:
    sys.stdin.read()
    ended.set()


def _listen(folder: Path) -> socket.socket:
    """Listen on this computer only, at the folder's own port if nobody else has it."""
    first = PORTS.index(first_port(folder))
    for port in (*PORTS[first:], *PORTS[:first]):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        listener.listen(128)
        return listener
    raise PracticeFailed("No port is free on this computer.", fix="Close some programs.")

"""Serve the practice cloud in this process."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import time
from math import inf
from pathlib import Path
from threading import Event, Thread

from filelock import FileLock, Timeout
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from dl_magics.practice import proof
from dl_magics.practice.ec2.api import Ec2Api
from dl_magics.practice.ec2.signature import AccessKey
from dl_magics.practice.ec2.wsgi import PracticeApp
from dl_magics.practice.last_use import CHECK_SECONDS, LastUse, wait_until_unused
from dl_magics.practice.process import (
    PORTS,
    RECORD_FILE,
    PracticeCloud,
    PracticeFailed,
    find_cloud,
    preferred_port,
    write_record,
)
from dl_magics.practice.profile import ensure_profile, issue_access_key
from dl_magics.store import private

POLL_SECONDS = 0.05
STOPPING_SECONDS = 5  # a stopped one may hold the lock of the folder for so long


def serve_cloud(
    folder: Path,
    delay: float,
    boot: float,
    *,
    minute: float = 60.0,
    alarm_minute: float = 60.0,
    tied: bool = False,
    unused: float = inf,
) -> None:
    """Serve the practice cloud of this folder until it is stopped.

    Parameters
    ----------
    folder
        The folder of its state.
    delay, boot
        Seconds in a transient state, and until SSH answers.
    minute
        The seconds that a minute of `shutdown` on a host takes.
    alarm_minute
        The seconds that a minute of CloudWatch takes.
    tied
        Stop when standard input closes.
    unused
        Stop when nothing has used it for so many seconds.

    Raises
    ------
    PracticeFailed
        if one is running in this folder already, or no port is free.
    """
    lock = FileLock(folder / "lock", mode=private.FILE_MODE)
    deadline = time.monotonic() + STOPPING_SECONDS
    while not _try_lock(lock):
        if find_cloud(folder) or time.monotonic() > deadline:
            raise PracticeFailed(
                f"A practice cloud is already running in {folder}.", fix="dl-magics practice --stop"
            )
    with _listen(folder) as listener:
        seconds = (delay, boot, minute, alarm_minute)
        _serve(listener, folder, seconds, tied=tied, unused=unused)


def _try_lock(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        return False
    return True


def _serve(
    listener: socket.socket,
    folder: Path,
    seconds: tuple[float, float, float, float],
    *,
    tied: bool,
    unused: float,
) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = listener.getsockname()[1]
    practice = PracticeCloud(folder, proof.create_secret(), os.getpid(), port)
    write_record(practice)
    key = AccessKey(*issue_access_key(ensure_profile(folder)))
    api = Ec2Api(folder, practice.url, key, *seconds)
    last_use = LastUse(lambda: api.hosts.find_processes().values(), unused)
    ended = Event()
    server = make_server(
        "127.0.0.1",
        port,
        PracticeApp(api, practice.secret, last_use, ended.set),
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listener.fileno(),
    )
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    if tied:
        Thread(target=_end_when_input_closes, args=(ended,), daemon=True).start()
    waiting = (last_use, ended, min(CHECK_SECONDS, unused / 4))
    Thread(target=wait_until_unused, args=waiting, daemon=True).start()
    try:
        api.apply_changes_until(ended)
        api.shut_down()
    finally:
        server.shutdown()
        (folder / RECORD_FILE).unlink(missing_ok=True)


def _end_when_input_closes(ended: Event) -> None:
    sys.stdin.read()
    ended.set()


def _listen(folder: Path) -> socket.socket:
    """Listen on 127.0.0.1, on the preferred port of the folder or the next free one."""
    first = PORTS.index(preferred_port(folder))
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
    raise PracticeFailed(
        f"No free port between {PORTS[0]} and {PORTS[-1]} on 127.0.0.1.",
        fix="Close programs that listen there: ss -ltn lists them.",
    )

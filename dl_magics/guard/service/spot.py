"""Asks the metadata of a spot instance whether AWS takes it back, and lets runs save a checkpoint.

The instance metadata service (IMDSv2) gives a notice two minutes before an interruption, and may
recommend to leave the instance before that. It is asked over a plain socket, in a thread: a check
of the guard that takes long must not delay it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from calendar import timegm
from pathlib import Path
from threading import Thread
from typing import Any, Callable

from . import files
from .runs import Runs
from .settings import Settings
from .signals import read_clocks

FILE_NAME = "spot.json"
ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
"""The variable of the AWS SDKs for another address of the service."""

ENDPOINT = "http://169.254.169.254"
POLL_SECONDS = 5.0  # as AWS recommends
REQUEST_SECONDS = 2.0
TOKEN_SECONDS = 21_600
ATTEMPTS = 60
"""After so many failures there is no such service: the machine is not one of EC2."""

TOKEN, LIFE_CYCLE = "api/token", "meta-data/instance-life-cycle"
NOTICE, REBALANCE = "meta-data/spot/instance-action", "meta-data/events/recommendations/rebalance"
MAX_BYTES = 4096
_URL = re.compile(r"http://([^/:]+)(?::(\d+))?(/.*)?")


class Metadata:
    """The instance metadata service, version 2."""

    def __init__(self) -> None:
        self._token = ""

    def read(self, item: str) -> str | None:
        """Return an item; None if the instance has none. Raises OSError without an answer."""
        status, text = self._ask("GET", item, f"X-aws-ec2-metadata-token: {self._token}")
        if status == 401:
            ttl = f"X-aws-ec2-metadata-token-ttl-seconds: {TOKEN_SECONDS}"
            self._token = self._ask("PUT", TOKEN, ttl)[1].strip()
            status, text = self._ask("GET", item, f"X-aws-ec2-metadata-token: {self._token}")
        if status == 404:
            return None
        if status != 200:
            raise OSError(f"{item}: status {status}")
        return text

    def _ask(self, method: str, item: str, header: str) -> tuple[int, str]:
        url = _URL.fullmatch(os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT)
        if url is None:
            raise OSError(f"{ENDPOINT_VARIABLE} is not an http address")
        host, port, path = url[1], int(url[2] or 80), (url[3] or "").rstrip("/")
        lines = [
            f"{method} {path}/latest/{item} HTTP/1.1",
            f"Host: {host}:{port}" if url[2] else f"Host: {host}",
            header,
            "Content-Length: 0",
            "Connection: close",
        ]
        with socket.create_connection((host, port), REQUEST_SECONDS) as link:
            link.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
            answer = b""
            while len(answer) < MAX_BYTES and (more := link.recv(MAX_BYTES)):
                answer += more
        head, _, body = answer.decode("utf-8", "replace").partition("\r\n\r\n")
        found = re.match(r"HTTP/\S+ (\d{3})", head)
        if found is None:
            raise OSError(f"{item}: not an answer of HTTP")
        return int(found[1]), body


class SpotWatch:
    """Watches for notices, and acts on each once: `folder` is that of the guard."""

    def __init__(self, folder: Path, boot: str, read_settings: Callable[[], Settings]) -> None:
        self._file = folder / FILE_NAME
        self._boot = boot
        self._read_settings = read_settings
        self._metadata = Metadata()
        self._told: set[str] = set()

    def start(self) -> None:
        """Watch in a thread of its own, for as long as the process lives."""
        Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        for _ in range(ATTEMPTS):
            with contextlib.suppress(OSError, ValueError):
                if self._metadata.read(LIFE_CYCLE) != "spot":
                    return
                break
            time.sleep(POLL_SECONDS)
        else:
            return
        while True:
            with contextlib.suppress(OSError, ValueError):
                self.look()
            time.sleep(POLL_SECONDS)

    def look(self) -> None:
        """Look for a notice once."""
        notice = self._metadata.read(NOTICE)
        if notice is not None:
            values = json.loads(notice)
            self._act(f"spot-{values['action']}", _parse_time(values["time"]))
        elif (advice := self._metadata.read(REBALANCE)) is not None:
            self._act("spot-rebalance", _parse_time(json.loads(advice)["noticeTime"]))

    def _act(self, reason: str, at: float) -> None:
        if reason in self._told:
            return
        settings, runs = self._read_settings(), Runs()
        awake = read_clocks()[0]
        runs.count_going_on(settings.runs, awake)
        runs.request_checkpoints(settings.checkpoint_name, awake, reason, at)
        self._told.add(reason)
        files.write_json(self._file, {"boot_id": self._boot, "reason": reason, "at": at})


def read_notice(folder: Path, boot: str) -> dict[str, Any]:
    """Return the last notice of this boot, as `reason` and `left` in seconds; {} without one."""
    notice = files.read_json(folder / FILE_NAME)
    if notice.get("boot_id") != boot or "at" not in notice:
        return {}
    return {"reason": notice["reason"], "left": notice["at"] - time.time()}


def _parse_time(text: str) -> float:
    """Return the seconds since the epoch of `2026-11-26T14:03:20Z`."""
    return float(timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))

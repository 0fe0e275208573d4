"""What cloud-init does at an instance's first boot: the script or the files of its user-data.

All of it runs as the person who runs the practice cloud, without root. What names a folder of the
system, such as /etc or /opt, gets the instance's own; what takes the power takes the instance's.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LOG = Path("var/log/cloud-init-output.log")
CLOUD = Path("var/lib/cloud/instance")
BEGUN, SCRIPT = CLOUD / "sem" / "config_scripts_user", CLOUD / "scripts" / "part-001"
ROOMS = (
    "boot",
    "etc",
    "lib/systemd/system",
    "etc/systemd/system",
    "opt",
    "root",
    "srv",
    "usr/local",
)
EDGE = r"(?<![\w.~/-])"
OWN_HOME = re.compile(rf"{EDGE}/home/(ubuntu|ec2-user)(?![\w.-])")
OWN = re.compile(rf"{EDGE}/(?=(boot|etc|lib/systemd|opt|root|srv|usr/local|var)(?![\w.-]))")
POWER = re.compile(
    rf"{EDGE}/(usr/)?s?bin/(?=(sudo|shutdown|poweroff|halt|reboot|systemctl|nvidia-smi)\b)"
)


async def run(folder: Path, environment: Mapping[str, str]) -> None:
    """Do once what the user-data asks for; what it says goes into the instance's own log."""
    user_data = folder / "user-data"
    if (folder / BEGUN).exists() or not user_data.exists():
        return
    for each in (*ROOMS, BEGUN.parent, SCRIPT.parent, LOG.parent):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).touch()
    script = _prepared(folder, user_data.read_text())
    if not script:
        return
    (folder / SCRIPT).write_text(script)
    (folder / SCRIPT).chmod(0o700)
    with (folder / LOG).open("ab") as log:
        done = await asyncio.create_subprocess_exec(
            str(folder / SCRIPT),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=environment["HOME"],
            env={**environment, "USER": "ubuntu"},
            start_new_session=True,
        )
        code = await done.wait()
        log.write(f"Cloud-init: the user-data ended with status {code}.\n".encode())


def own(text: str, folder: Path) -> str:
    """Return a text in which the system's folders are the instance's own."""
    text = POWER.sub(f"{folder}/bin/", text)
    text = OWN_HOME.sub(f"{folder}/home", text)
    return OWN.sub(f"{folder}/", text)


def _prepared(folder: Path, user_data: str) -> str:
    """Write the files that are asked for, and return the script to run."""
    if user_data.startswith("#!"):
        return own(user_data, folder)
    if not user_data.startswith("#cloud-config"):
        return ""
    asked = yaml.safe_load(user_data) or {}
    for file in asked.get("write_files", []):
        _write(folder, file)
    commands = [_command(each) for each in asked.get("runcmd", [])]
    return own("\n".join(["#!/bin/sh", *commands, ""]), folder) if commands else ""


def _command(asked: str | list[Any]) -> str:
    return asked if isinstance(asked, str) else shlex.join(map(str, asked))


def _write(folder: Path, asked: Mapping[str, Any]) -> None:
    path = Path(own(str(asked["path"]), folder))
    if not path.is_relative_to(folder):
        path = folder / str(asked["path"]).lstrip("/")
    path = path.resolve()
    if not path.is_relative_to(folder.resolve()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if asked.get("append") else "wb") as file:
        file.write(_content(folder, asked))
    path.chmod(int(str(asked.get("permissions", "0644")), 8))


def _content(folder: Path, asked: Mapping[str, Any]) -> bytes:
    content, encoding = asked.get("content", ""), str(asked.get("encoding", "")).lower()
    raw = content if isinstance(content, bytes) else str(content).encode()
    if "b64" in encoding or "base64" in encoding:
        raw = base64.b64decode(raw)
    if "gz" in encoding:
        raw = gzip.decompress(raw)
    try:
        return own(raw.decode(), folder).encode()
    except UnicodeDecodeError:
        return raw

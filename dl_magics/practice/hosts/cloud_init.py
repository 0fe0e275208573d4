"""Run the user data of an instance at its first boot, as cloud-init does.

It runs as the user of the practice cloud, without root. Paths of the system, such as /etc or /opt,
are mapped into the folder of the instance; commands such as shutdown affect the instance only.
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

from dl_magics.store import atomic, private

LOG = Path("var/log/cloud-init-output.log")
CLOUD_FOLDER = Path("var/lib/cloud/instance")
STARTED_FILE, SCRIPT = (
    CLOUD_FOLDER / "sem" / "config_scripts_user",
    CLOUD_FOLDER / "scripts" / "part-001",
)
SYSTEM_FOLDERS = (
    "boot",
    "etc",
    "lib/systemd/system",
    "etc/systemd/system",
    "opt",
    "root",
    "srv",
    "usr/local",
)
PATH_START = r"(?<![\w.~/-])"
HOME_PATH = re.compile(rf"{PATH_START}/home/(ubuntu|ec2-user)(?![\w.-])")
SYSTEM_PATH = re.compile(
    rf"{PATH_START}/(?=(boot|etc|lib/systemd|opt|root|srv|usr/local|var)(?![\w.-]))"
)
COMMAND_PATH = re.compile(
    rf"{PATH_START}/(usr/)?s?bin/(?=(sudo|shutdown|poweroff|halt|reboot|systemctl|nvidia-smi)\b)"
)


async def run_user_data(folder: Path, environment: Mapping[str, str]) -> None:
    """Run the user data once; its output goes to the log of the instance."""
    user_data = folder / "user-data"
    if (folder / STARTED_FILE).exists() or not user_data.exists():
        return
    for each in (*SYSTEM_FOLDERS, STARTED_FILE.parent, SCRIPT.parent, LOG.parent):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (folder / STARTED_FILE).touch()
    script = _prepared(folder, user_data.read_text())
    if not script:
        return
    atomic.replace(folder / SCRIPT, script, mode=0o700)
    with private.open_file(folder / LOG, "ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(folder / SCRIPT),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=environment["HOME"],
            env={**environment, "USER": "ubuntu"},
            start_new_session=True,
        )
        code = await process.wait()
        log.write(f"Cloud-init: the user-data ended with status {code}.\n".encode())


def map_system_paths(text: str, folder: Path) -> str:
    """Return the text with the paths of the system mapped into the folder of the instance."""
    text = COMMAND_PATH.sub(f"{folder}/bin/", text)
    text = HOME_PATH.sub(f"{folder}/home", text)
    return SYSTEM_PATH.sub(f"{folder}/", text)


def _prepared(folder: Path, user_data: str) -> str:
    """Write the requested files and return the script to run; empty if there is none."""
    if user_data.startswith("#!"):
        return map_system_paths(user_data, folder)
    if not user_data.startswith("#cloud-config"):
        return ""
    config = yaml.safe_load(user_data) or {}
    for file in config.get("write_files", []):
        _write(folder, file)
    commands = [_command(each) for each in config.get("runcmd", [])]
    return map_system_paths("\n".join(["#!/bin/sh", *commands, ""]), folder) if commands else ""


def _command(command: str | list[Any]) -> str:
    return command if isinstance(command, str) else shlex.join(map(str, command))


def _write(folder: Path, file: Mapping[str, Any]) -> None:
    path = Path(map_system_paths(str(file["path"]), folder))
    if not path.is_relative_to(folder):
        path = folder / str(file["path"]).lstrip("/")
    path = path.resolve()
    if not path.is_relative_to(folder.resolve()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if file.get("append") else "wb") as out:
        out.write(_content(folder, file))
    path.chmod(int(str(file.get("permissions", "0644")), 8))


def _content(folder: Path, file: Mapping[str, Any]) -> bytes:
    content, encoding = file.get("content", ""), str(file.get("encoding", "")).lower()
    raw = content if isinstance(content, bytes) else str(content).encode()
    if "b64" in encoding or "base64" in encoding:
        raw = base64.b64decode(raw)
    if "gz" in encoding:
        raw = gzip.decompress(raw)
    try:
        return map_system_paths(raw.decode(), folder).encode()
    except UnicodeDecodeError:
        return raw

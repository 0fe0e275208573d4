"""Run the user data of an instance at its first boot, as cloud-init does.

It runs as the user of the practice cloud, without root. Paths of the system, such as /etc or /opt,
are mapped into the folder of the instance; commands such as shutdown affect the instance only.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import shlex
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from dl_magics.practice.hosts.guest_commands import map_system_paths
from dl_magics.store import atomic, private

GZIP_START = b"\x1f\x8b"
LOG = Path("var/log/cloud-init-output.log")
CLOUD_FOLDER = Path("var/lib/cloud/instance")
STARTED_FILE, SCRIPT = (
    CLOUD_FOLDER / "sem" / "config_scripts_user",
    CLOUD_FOLDER / "scripts" / "part-001",
)
BOOT_SCRIPT = CLOUD_FOLDER / "boothook" / "bootcmd"
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


def decode_user_data(content: bytes) -> str:
    """Return user data as text; what begins as gzip does is decompressed, unless it is damaged."""
    if content.startswith(GZIP_START):
        with suppress(OSError, EOFError, zlib.error):
            content = gzip.decompress(content)
    return content.decode("utf-8", "replace")


async def run_user_data(folder: Path, environment: Mapping[str, str]) -> None:
    """Run the user data once; its output goes to the log of the instance."""
    user_data = folder / "user-data"
    if (folder / STARTED_FILE).exists() or not user_data.exists():
        return
    for each in (*SYSTEM_FOLDERS, STARTED_FILE.parent, SCRIPT.parent, LOG.parent):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (folder / STARTED_FILE).touch()
    script = _prepared(folder, decode_user_data(user_data.read_bytes()))
    if script:
        await _run_script(folder, SCRIPT, script, environment, "user-data")


async def run_boot_commands(folder: Path, environment: Mapping[str, str]) -> None:
    """Run the `bootcmd` of the user data, which cloud-init does at each boot, before sshd."""
    user_data = folder / "user-data"
    text = decode_user_data(user_data.read_bytes()) if user_data.exists() else ""
    if not text.startswith("#cloud-config"):
        return
    commands = (yaml.safe_load(text) or {}).get("bootcmd", [])
    if commands:
        for each in (*SYSTEM_FOLDERS, BOOT_SCRIPT.parent, LOG.parent):
            (folder / each).mkdir(parents=True, exist_ok=True)
        script = _join_commands(folder, commands)
        await _run_script(folder, BOOT_SCRIPT, script, environment, "bootcmd")


async def _run_script(
    folder: Path, file: Path, script: str, environment: Mapping[str, str], name: str
) -> None:
    atomic.replace(folder / file, script, mode=0o700)
    with private.open_file(folder / LOG, "ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(folder / file),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=environment["HOME"],
            env={**environment, "USER": "ubuntu"},
            start_new_session=True,
        )
        code = await process.wait()
        log.write(f"Cloud-init: the {name} ended with status {code}.\n".encode())


def _prepared(folder: Path, user_data: str) -> str:
    """Write the requested files and return the script to run; empty if there is none."""
    if user_data.startswith("#!"):
        return map_system_paths(user_data, folder)
    if not user_data.startswith("#cloud-config"):
        return ""
    config = yaml.safe_load(user_data) or {}
    for file in config.get("write_files", []):
        _write(folder, file)
    commands = config.get("runcmd", [])
    return _join_commands(folder, commands) if commands else ""


def _join_commands(folder: Path, commands: list[str | list[Any]]) -> str:
    return map_system_paths("\n".join(["#!/bin/sh", *map(_command, commands), ""]), folder)


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

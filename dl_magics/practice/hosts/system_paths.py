"""The paths of a system, mapped into the folder of an instance; it is imported by each command."""

from __future__ import annotations

import re
from pathlib import Path

PATH_START = r"(?<![\w.~/-])"
HOME_PATH = re.compile(rf"{PATH_START}/home/(ubuntu|ec2-user)(?![\w.-])")
SYSTEM_PATH = re.compile(
    rf"{PATH_START}/(?=(boot|etc|lib/systemd|opt|root|srv|usr/local|var|dev/pts|proc/stat"
    r"|proc/net/dev|proc/sys/kernel/random/boot_id)(?![\w.-]))"
)
COMMAND_PATH = re.compile(
    rf"{PATH_START}/(usr/)?s?bin/(?=(sudo|shutdown|poweroff|halt|reboot|systemctl|nvidia-smi)\b)"
)


def map_system_paths(text: str, folder: Path) -> str:
    """Return the text with the paths of the system mapped into the folder of the instance."""
    text = COMMAND_PATH.sub(f"{folder}/bin/", text)
    text = HOME_PATH.sub(f"{folder}/home", text)
    return SYSTEM_PATH.sub(f"{folder}/", text)

"""The system commands that a host has on its PATH, and the paths of a system.

Each command starts this file, which imports nothing else of `practice`: that takes a tenth of a
second.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

from dl_magics.store import atomic

DRIVER, CUDA = "570.86.15", "12.8"
OPTIONS_WITH_VALUE = ("-u", "-g", "-p", "-C", "-D", "-h", "-U", "-r", "-t")
GPU_FILE = Path("gpus")
FOLDER_VARIABLE = "DL_MAGICS_PRACTICE_FOLDER"
MINUTE_VARIABLE = "DL_MAGICS_PRACTICE_MINUTE"
"""In the environment of a host: the seconds that a minute of `shutdown` takes."""

_PATH_START = r"(?<![\w.~/-])"
_HOME_PATH = re.compile(rf"{_PATH_START}/home/(ubuntu|ec2-user)(?![\w.-])")
_SYSTEM_PATH = re.compile(
    rf"{_PATH_START}/(?=(boot|etc|lib/systemd|opt|root|srv|usr/local|var|dev/pts|proc/stat"
    r"|proc/net/dev|proc/sys/kernel/random/boot_id)(?![\w.-]))"
)
_COMMAND_PATH = re.compile(
    rf"{_PATH_START}/(usr/)?s?bin/(?=(sudo|shutdown|poweroff|halt|reboot|systemctl|nvidia-smi)\b)"
)


def install_commands(bin_folder: Path, gpus: list[tuple[str, int]]) -> None:
    """Write the commands of a host with these GPUs, each given as (name, MiB of memory)."""
    shutil.rmtree(bin_folder, ignore_errors=True)
    bin_folder.mkdir(parents=True)
    (bin_folder.parent / GPU_FILE).write_text("".join(f"{name},{mib}\n" for name, mib in gpus))
    programs = set(PROGRAMS) - (set() if gpus else {"nvidia-smi"})
    for program in programs:
        file = bin_folder / program
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {program} "$@"\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)


def map_system_paths(text: str, folder: Path) -> str:
    """Return the text with the paths of the system mapped into the folder of the instance."""
    text = _COMMAND_PATH.sub(f"{folder}/bin/", text)
    text = _HOME_PATH.sub(f"{folder}/home", text)
    return _SYSTEM_PATH.sub(f"{folder}/", text)


def sudo(arguments: list[str]) -> int:
    """Run a command as the current user; map the system's paths to the host's folder."""
    while arguments and (arguments[0].startswith("-") or "=" in arguments[0]):
        option = arguments.pop(0)
        if "=" in option:
            name, _, value = option.partition("=")
            os.environ[name] = value
        elif option in OPTIONS_WITH_VALUE:
            arguments.pop(0)
    if not arguments:
        return 0
    command = [map_system_paths(word, _folder()) for word in arguments]
    if not shutil.which(command[0]):
        sys.stderr.write(f"sudo: {command[0]}: command not found\n")
        return 1
    return subprocess.run(command, check=False).returncode


def shutdown(arguments: list[str]) -> int:
    """Shut down now, after some minutes (`+5`), or cancel a pending shutdown (`-c`)."""
    timer = _folder() / "shutdown"
    if "-c" in arguments:
        timer.unlink(missing_ok=True)
        return 0
    when = next((word for word in arguments if not word.startswith("-")), "+1")
    minutes = 0 if when == "now" else int(when.removeprefix("+"))
    what = "reboot" if {"-r", "--reboot"} & set(arguments) else "shutdown"
    due = time.time() + float(os.environ.get(MINUTE_VARIABLE, 60)) * minutes
    atomic.replace(timer, f"{due} {what}")
    if minutes:
        sys.stderr.write(f"Shutdown scheduled for {time.ctime(due)}, 'shutdown -c' cancels it.\n")
    return 0


def systemctl(arguments: list[str]) -> int:
    """Power off or reboot; accept a restart of ssh, whose server polls for a new host key.

    As with systemd, the command has ended before the server has its new key.
    """
    if {"poweroff", "halt"} & set(arguments):
        return shutdown(["now"])
    if "reboot" in arguments:
        return shutdown(["-r", "now"])
    if {"restart", "reload"} & set(arguments) and {"ssh", "sshd"} & set(arguments):
        return 0
    sys.stderr.write("System has not been booted with systemd as init system (PID 1).\n")
    return 1


def nvidia_smi(arguments: list[str]) -> int:
    """Print the GPUs as nvidia-smi does: the table, -L, or --query-gpu."""
    lines = (_folder() / GPU_FILE).read_text().splitlines()
    gpus = [(name, int(mib)) for name, _, mib in (line.partition(",") for line in lines)]
    query = next((word for word in arguments if word.startswith("--query-gpu=")), "")
    if query:
        _query(gpus, query.partition("=")[2].split(","), ",".join(arguments))
    elif "-L" in arguments:
        for n, (name, _) in enumerate(gpus):
            sys.stdout.write(f"GPU {n}: {name} (UUID: {_uuid(n)})\n")
    else:
        _table(gpus)
    return 0


def _query(gpus: list[tuple[str, int]], fields: list[str], arguments: str) -> None:
    units = {"memory": " MiB", "utilization": " %", "power": " W"}
    if "noheader" not in arguments:
        sys.stdout.write(", ".join(fields) + "\n")
    for n, (name, mib) in enumerate(gpus):
        facts = {
            "index": n,
            "name": name,
            "gpu_name": name,
            "uuid": _uuid(n),
            "driver_version": DRIVER,
            "memory.total": mib,
            "memory.used": 0,
            "memory.free": mib,
            "utilization.gpu": 0,
            "utilization.memory": 0,
            "temperature.gpu": 31,
            "power.draw": "9.31",
            "count": len(gpus),
            "pstate": "P8",
        }
        shown = []
        for field in (field.strip() for field in fields):
            unit = "" if "nounits" in arguments else units.get(field.partition(".")[0], "")
            shown.append(f"{facts[field]}{unit}" if field in facts else "[N/A]")
        sys.stdout.write(", ".join(shown) + "\n")


def _table(gpus: list[tuple[str, int]]) -> None:
    line = f"+{'-' * 77}+\n"
    versions = f"NVIDIA-SMI {DRIVER:<15} Driver Version: {DRIVER:<13} CUDA Version: {CUDA}"
    titles = f"GPU  {'Name':<30} {'Temp':<6}{'Memory-Usage':<22}{'GPU-Util':<12}"
    sys.stdout.write(f"{time.ctime()}\n{line}| {versions:<75} |\n{line}")
    sys.stdout.write(f"| {titles}|\n{line}")
    for n, (name, mib) in enumerate(gpus):
        memory = f"0MiB / {mib}MiB"
        sys.stdout.write(f"| {n:>3}  {name:<30} {'31C':<6}{memory:<22}{'0%':<12}|\n")
    sys.stdout.write(f"{line}| {'No running processes found':<75} |\n{line}")


def _uuid(n: int) -> str:
    return f"GPU-00000000-0000-0000-0000-{n:012d}"


def _folder() -> Path:
    return Path(os.environ[FOLDER_VARIABLE])


PROGRAMS = {
    "sudo": sudo,
    "shutdown": shutdown,
    "poweroff": lambda _: shutdown(["now"]),
    "halt": lambda _: shutdown(["now"]),
    "reboot": lambda _: shutdown(["-r", "now"]),
    "systemctl": systemctl,
    "nvidia-smi": nvidia_smi,
}

if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](sys.argv[2:]))

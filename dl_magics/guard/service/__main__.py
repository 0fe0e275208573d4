"""The commands of the guard.

`install FOLDER UNITS SETTINGS` takes this program as the one of the folder, keeps settings that are
there, and starts it. `boot` does the same, but keeps the program of the folder too. `change FOLDER
CHANGES` changes settings. `status FOLDER` shows them. Each prints the status as one line of JSON.
`run FOLDER` is the guard itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import files, service, spot, start, usage
from .settings import STATE_FILE, Settings, adopt_until, is_damaged, read_settings, update_settings
from .signals import read_clocks


def describe_status(folder: Path) -> dict[str, Any]:
    """Return what the guard of a folder found last, how old that is, and its settings."""
    stored = read_settings(folder)
    boot_id, now = service.read_boot_id(stored), read_clocks()[1]
    settings = adopt_until(stored, boot_id, now)
    state = files.read_json(folder / STATE_FILE)
    current = state if state.get("boot_id") == boot_id else {}
    usages = usage.parse_usages(_read_text(folder / usage.FILE_NAME))
    kept = settings.keep_until - now if settings.keep_boot == boot_id else 0.0
    pending = current.get("pending") or {}
    due = pending.get("due")
    end = service.make_limits(settings, boot_id, current.get("began", now)).hard_end
    return {
        "guard": "status",
        "running": service.is_running(folder),
        "boot": boot_id,
        "age": now - current["at"] if current else None,
        "shutdown_left": None if due is None else due - now,
        "kept_left": max(kept, 0.0),
        "end_left": None if end is None else max(end - now, 0.0),
        **{name: current.get(name) for name in ("action", "state", "reason", "seconds_left")},
        "shutdown_error": pending.get("error", ""),
        "spot": spot.read_notice(folder, boot_id),
        "restarted_by": _read_text(folder / "restarted-by"),
        "settings": asdict(settings),
        "settings_damaged": is_damaged(folder),
        "usages": [asdict(each) for each in usages[-1:]],
    }


def change_settings(folder: Path, changes: dict[str, Any]) -> None:
    """Change settings; `keep_seconds` and `until_seconds` count from now on, null removes them."""
    update_settings(folder, lambda known: _change(Settings.from_values(known), changes))
    service.wake(folder)


def _change(settings: Settings, changes: dict[str, Any]) -> Settings:
    now, boot_id = read_clocks()[1], service.read_boot_id(settings)
    if "keep_seconds" in changes:
        kept = changes.pop("keep_seconds")
        keep_until = now + float(kept) if kept else 0.0
        settings = replace(settings, keep_until=keep_until, keep_boot=boot_id)
    if "until_seconds" in changes:
        left = changes.pop("until_seconds")
        settings = replace(
            settings,
            until=now + float(left) if left else None,
            until_boot=boot_id,
            until_epoch=time.time() + float(left) if left else None,
        )
    if changes.get("max_seconds", settings.max_seconds) != settings.max_seconds:
        notice_until = now + settings.warning_seconds
        settings = replace(settings, notice_until=notice_until, notice_boot=boot_id)
    return Settings.from_values({**_to_values(settings), **changes})


def install(folder: Path, units: Path, settings: dict[str, Any], program: Path) -> None:
    """Take the program, write the settings that are missing, and start the guard.

    It has looked once when this returns; but at a boot, systemd starts it later, before sshd.
    """
    files.make_folder(folder)
    if program != folder / start.PROGRAM:
        files.replace_file(folder / start.PROGRAM, program.read_bytes(), sync=True)
    update_settings(folder, lambda known: Settings.from_values({**settings, **known}))
    began = read_clocks()[1]
    restarted_by = start.start_guard(folder, units)
    if program != folder / start.PROGRAM or not restarted_by:
        service.wait_for_look(folder, began)
    files.replace_file(folder / "restarted-by", restarted_by.encode())


def run_command() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("install", "boot", "change", "status", "run"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("rest", nargs="*")
    arguments = parser.parse_args()
    folder, command, rest = arguments.folder, arguments.command, arguments.rest
    if command == "run":
        sys.exit(not service.run_service(folder))
    if command in ("install", "boot"):
        own = folder / start.PROGRAM if command == "boot" else Path(sys.argv[0])
        install(folder, Path(rest[0]), json.loads(rest[1]), own)
    elif command == "change":
        change_settings(folder, json.loads(rest[0]))
    sys.stdout.write(json.dumps(describe_status(folder)) + "\n")


def _to_values(settings: Settings) -> dict[str, Any]:
    return dict(json.loads(json.dumps(asdict(settings))))


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    run_command()

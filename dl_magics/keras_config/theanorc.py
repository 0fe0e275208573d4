"""`.theanorc`: read and change the device that Theano is configured to use.

Source: `theano/configparser.py` of 1.0.5. In THEANORC a later file wins over an earlier one;
THEANO_FLAGS wins over all files.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import sys
from pathlib import Path

from dl_magics.errors import BadSetting, CannotChange
from dl_magics.keras_config import atomic_file
from dl_magics.keras_config.keras_json import Change

FLAGS, FILES = "THEANO_FLAGS", "THEANORC"
_DEVICE = re.compile(r"(cpu|gpu|cuda)(\d*)")
_SECTION = re.compile(r"\s*\[(.+)\]")
_OPTION = re.compile(r"device\s*[=:]", re.IGNORECASE)


def list_files() -> list[Path]:
    """Return the files that Theano reads; the last one has precedence."""
    named = os.environ.get(FILES)
    listed = (named if named is not None else "~/.theanorc").split(os.pathsep)
    if named is None and sys.platform == "win32":
        listed.append("~/.theanorc.txt")
    return [Path(each).expanduser() for each in listed if each]


def configured_device(theano: str) -> tuple[str, str]:
    """Return the device that Theano is configured to use, and the source of that.

    Raises
    ------
    CannotChange
        if a file cannot be parsed; Theano fails on it too.
    """
    flags = _flags()
    if "device" in flags:
        return flags["device"], f"the variable {FLAGS}"
    for file in reversed(list_files()):
        device = _read(file)
        if device is not None:
            return device, str(file)
    return "cpu", f"the default of Theano {theano}".rstrip()


def device_name(asked: str, theano: str) -> str:
    """Return the name of a device in this version of Theano: `gpu1` is `cuda1` since 0.10.

    Raises
    ------
    BadSetting
        if it is not a device.
    """
    match = _DEVICE.fullmatch(asked.lower())
    if not match or (match[1] == "cpu" and match[2]):
        raise BadSetting(
            f"{asked!r} is not a device.", fix="Use gpu, cpu, or a GPU by its number: gpu1"
        )
    if match[1] == "cpu":
        return "cpu"
    return ("gpu" if _is_old(theano) else "cuda") + match[2]


def write_device(asked: str, theano: str) -> Change:
    """Write the device into the file with precedence; its other lines are kept."""
    name = device_name(asked, theano)
    file = (list_files() or [Path("~/.theanorc").expanduser()])[-1]
    with atomic_file.lock_for_change(file):
        before = _read(file)
        if before == name:
            return Change(str(file))
        text = atomic_file.read_text(file) or ""
        atomic_file.replace_text(file, _with_device(text, name))
        atomic_file.replace_text(_undo_file(file), text)
    return Change(str(file), {"device": (before, name)})


def undo_device() -> Change:
    """Restore the file as it was before the last change; a second time redoes the change."""
    file = (list_files() or [Path("~/.theanorc").expanduser()])[-1]
    with atomic_file.lock_for_change(file):
        kept = atomic_file.read_text(_undo_file(file))
        if kept is None:
            raise BadSetting(
                f"{file} has no change to undo.",
                fix="Show the device in use: %device",
            )
        before, now = _read(file), atomic_file.read_text(file) or ""
        atomic_file.replace_text(file, kept)
        atomic_file.replace_text(_undo_file(file), now)
        return Change(str(file), {"device": (before, _read(file))})


def _is_old(theano: str) -> bool:
    numbers = [int(each) for each in re.findall(r"\d+", theano)[:2]]
    return bool(numbers) and numbers < [0, 10]


def _flags() -> dict[str, str]:
    lexer = shlex.shlex(os.environ.get(FLAGS, ""), posix=True)
    lexer.whitespace, lexer.whitespace_split = ",", True
    pairs = (each.strip().partition("=") for each in lexer)
    return {name: value for name, equals, value in pairs if equals}


def _read(file: Path) -> str | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read(str(file), encoding="utf-8")
        return parser.get("global", "device")
    except (configparser.NoSectionError, configparser.NoOptionError):
        return None
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        first = str(error).splitlines()[0]
        raise CannotChange(
            f"{file} cannot be parsed by Theano: {first}",
            fix=f"Correct the file, or move it away: {file}",
        ) from error


def _with_device(text: str, name: str) -> str:
    """Return the text with `device` set in its section [global]."""
    lines = text.splitlines(keepends=True)
    section, top = "", -1
    for at, line in enumerate(lines):
        named = _SECTION.match(line)
        section = named[1] if named else section
        if section != "global":
            continue
        top = at if named else top
        if _OPTION.match(line):
            lines[at] = f"device = {name}\n"
            return "".join(lines)
    if top < 0:
        whole = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{whole}[global]\ndevice = {name}\n"
    if not lines[top].endswith("\n"):
        lines[top] += "\n"
    return "".join([*lines[: top + 1], f"device = {name}\n", *lines[top + 1 :]])


def _undo_file(file: Path) -> Path:
    target = atomic_file.resolve_links(file)
    return target.with_name(f"{target.name}.undo")

"""`.theanorc`: which device Theano is told to use, by whom, and how we tell it another.

Source: `theano/configparser.py` of 1.0.5. Files to the right in THEANORC win over those to the
left, THEANO_FLAGS over all of them.
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
    """Return the files that Theano reads, the one that wins last."""
    named = os.environ.get(FILES)
    listed = (named if named is not None else "~/.theanorc").split(os.pathsep)
    if named is None and sys.platform == "win32":
        listed.append("~/.theanorc.txt")
    return [Path(each).expanduser() for each in listed if each]


def configured_device(theano: str) -> tuple[str, str]:
    """Return which device Theano is told to use, and who says so.

    Raises
    ------
    CannotChange
        where Theano cannot read a file either.
    """
    flags = _flags()
    if "device" in flags:
        return flags["device"], f"the variable {FLAGS}"
    for file in reversed(list_files()):
        told = _read(file)
        if told is not None:
            return told, str(file)
    return "cpu", f"the default of Theano {theano}".rstrip()


def device_name(asked: str, theano: str) -> str:
    """Return a device in the words of a Theano: `gpu1` is `cuda1` since 0.10."""
    match = _DEVICE.fullmatch(asked.lower())
    if not match or (match[1] == "cpu" and match[2]):
        raise BadSetting(
            f"{asked!r} is not a device.", fix="One of: gpu, cpu, or a GPU by its number: gpu1"
        )
    if match[1] == "cpu":
        return "cpu"
    return ("gpu" if _is_old(theano) else "cuda") + match[2]


def write_device(asked: str, theano: str) -> Change:
    """Put a device into the file that wins; everything else in it stays as it is."""
    word = device_name(asked, theano)
    file = (list_files() or [Path("~/.theanorc").expanduser()])[-1]
    with atomic_file.lock_for_change(file):
        before = _read(file)
        if before == word:
            return Change(str(file))
        text = atomic_file.read_text(file) or ""
        atomic_file.replace_text(file, _with_device(text, word))
        atomic_file.replace_text(_undo_file(file), text)
    return Change(str(file), {"device": (before, word)})


def undo_device() -> Change:
    """Put back what was in the file before; a second time brings the change again."""
    file = (list_files() or [Path("~/.theanorc").expanduser()])[-1]
    with atomic_file.lock_for_change(file):
        kept = atomic_file.read_text(_undo_file(file))
        if kept is None:
            raise BadSetting(
                f"{file} has no change that can be undone.",
                fix="%device shows what is in force.",
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


def _with_device(text: str, word: str) -> str:
    """Return the text with one line changed, or one more in its [global]."""
    lines = text.splitlines(keepends=True)
    section, top = "", -1
    for at, line in enumerate(lines):
        named = _SECTION.match(line)
        section = named[1] if named else section
        if section != "global":
            continue
        top = at if named else top
        if _OPTION.match(line):
            lines[at] = f"device = {word}\n"
            return "".join(lines)
    if top < 0:
        whole = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{whole}[global]\ndevice = {word}\n"
    if not lines[top].endswith("\n"):
        lines[top] += "\n"
    return "".join([*lines[: top + 1], f"device = {word}\n", *lines[top + 1 :]])


def _undo_file(file: Path) -> Path:
    target = atomic_file.resolve_links(file)
    return target.with_name(f"{target.name}.undo")

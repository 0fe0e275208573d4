"""Split the line of a `%%finetune` into the folder and the settings, or say how to write it."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.recipe import explain_unknown
from dl_magics.training.recipe.settings import SETTINGS

_ONE_HYPHEN = re.compile(r"(?<!\S)-([A-Za-z][\w-]*)")
_ASSIGNMENT = re.compile(r"(?<!\S)([A-Za-z_]\w*)\s*=\s*([^\s=]\S*)")


def parse_line(line: str) -> tuple[str, dict[str, Any]]:
    """Split `data/dogscats --epochs 3` into the folder and the settings."""
    words = _words(line)
    data: list[str] = []
    settings: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            data.append(word)
            continue
        flag, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                raise _explain_no_value(flag)
            value = words.pop(0)
        while words and value.count("[") > value.count("]"):
            value += words.pop(0)
        settings[flag.replace("-", "_")] = _literal(value)
    if len(data) > 1:
        _refuse_assignment(data)
        _refuse_one_hyphen(line)
        raise BadSetting(
            f"%%finetune takes one folder, not {len(data)}: {' '.join(data)}",
            fix=_quote_folder(line, " ".join(data)),
        )
    return (data[0] if data else ""), settings


def _explain_no_value(flag: str) -> BadSetting:
    name = flag.replace("-", "_")
    if name not in SETTINGS:
        return explain_unknown(name, f"--{flag}")
    known = SETTINGS[name]
    example = "VALUE" if known.default is None else known.default
    example = list(example) if isinstance(example, tuple) else example
    return BadSetting(
        f"--{flag} has no value.",
        fix=f"Add it after the name: --{flag} {example} ({known.meaning}).",
    )


def _refuse_one_hyphen(line: str) -> None:
    """Raise BadSetting for `-epochs 3`: with the option that it stands for."""
    found = [each for each in _ONE_HYPHEN.findall(line) if each.replace("-", "_") in SETTINGS]
    if not found:
        return
    for name in found:
        line = re.sub(rf"(?<!\S)-{name}(?=[\s=]|$)", f"--{name}", line)
    raise BadSetting(
        f"-{found[0]} is not an option: options have two hyphens.", fix=f"%finetune {line.strip()}"
    )


def _quote_folder(line: str, joined: str) -> str:
    """Return how to write a name: as it was typed, or as a shell reads it, if there is a folder."""
    typed = re.split(r"(?:^|\s)--", line)[0].strip()
    as_in_shell = re.sub(r"\\(\W)", r"\1", typed)
    name = next(filter(_is_folder, (typed, as_in_shell)), joined.replace("\\ ", " "))
    quoted = shlex.quote(name) if '"' in name else f'"{name}"'
    return f"Quote a name with spaces or quotes: %%finetune {quoted}"


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, or of an unknown user
        return False


def _refuse_assignment(words: list[str]) -> None:
    """Raise BadSetting for `epochs=3` on the line: with the option that it stands for."""
    found = _ASSIGNMENT.search(" ".join(words))
    if not found:
        return
    folder = shlex.join(words[:1]) if not _ASSIGNMENT.match(words[0]) else "FOLDER"
    name, value = found.groups()
    raise BadSetting(
        f"{found[0]} is not an option.",
        fix=f"On the line: %finetune {folder} --{name.replace('_', '-')} {value} · in the body of "
        f"%%finetune: {name} = {value}",
    )


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    lexer.escape = ""  # a backslash belongs to a Windows path
    try:
        return list(lexer)
    except ValueError as error:
        is_open = line.lstrip()[:1] in ("'", '"')
        fix = "Add it after the folder name." if is_open else _quote_folder(line, line.strip())
        raise BadSetting(f"A closing quote is missing: {line}", fix=fix) from error


def _literal(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value

"""Lines of a shell: how commands and calls of boto3 are written."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dl_magics.actions.aws.context import Context

# The command launches one instance by default.
_COUNTS = ("MinCount", "MaxCount")
_OPTION = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS_ON_A_LINE, _NEXT_LINE = 7, " \\\n  "


class Script(str):
    """Shell commands, which a cell shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Variable(str):
    """A word of a command in which the shell replaces a variable."""

    __slots__ = ()


class Quoted(str):
    """A word of a command that is quoted already."""

    __slots__ = ()


NO_INPUT = Quoted("</dev/null")
"""The end of an ssh command before others: it would take the lines that a shell has not read."""


def make_script(context: Context, steps: Iterable[str]) -> Script:
    """Return the steps, after exports of the selected profile and region."""
    return Script("\n".join([*export_steps(context), *steps]))


def export_steps(context: Context) -> list[str]:
    """Return the exports of the selected profile and region; no credentials are among them."""
    # The command reads AWS_REGION before AWS_DEFAULT_REGION.
    regions = {"AWS_REGION": context.region, "AWS_DEFAULT_REGION": context.region}
    variables = {**context.profile.environment, **regions, **context.session.endpoint_variables}
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def comment(text: str) -> str:
    """Return a line about what a magic does on this computer."""
    return f"# It {text}."


def ec2_command(call: str, parameters: Mapping[str, Any], *only: str) -> str:
    """Return the `aws ec2` command of a call of boto3; `only` are options for its output."""
    return aws_command("ec2", call, parameters, *only)


def aws_command(service: str, call: str, parameters: Mapping[str, Any], *only: str) -> str:
    """Return the `aws` command of a call of boto3; `only` are further options."""
    options = [
        join(f"--{_OPTION.sub('-', name).lower()}", *_option_values(value))
        for name, value in parameters.items()
        if name not in _COUNTS
    ]
    words = [join("aws", service, call.replace("_", "-")), *options]
    if only:
        words.append(join(*only))
    return (_NEXT_LINE if len(words) > _WORDS_ON_A_LINE else " ").join(words)


def join(*words: str) -> str:
    """Return a command; its words are quoted, and variables are replaced by the shell."""
    return " ".join(map(_quote, words))


def _quote(word: str) -> str:
    if isinstance(word, Quoted):
        return word
    return f'"{word}"' if isinstance(word, Variable) else shlex.quote(word)


def _option_values(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, datetime):
        return [value.isoformat()]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    if isinstance(value, int):
        return [str(value)]
    text = shlex.quote(json.dumps(value))
    for variable in _find_variables(value):
        text = text.replace(variable, f"'\"{variable}\"'")
    return [Quoted(text)]


def _find_variables(value: Any) -> set[Variable]:
    """Return the variables in a list or an object."""
    if isinstance(value, Variable):
        return {value}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {found for part in parts for found in _find_variables(part)}

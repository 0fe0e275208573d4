"""Requests and responses, as `entry` reads and writes them; errors by `errors.BY_NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dl_magics import errors
from dl_magics.errors import DLMagicsError

_MOST_DIGITS = 16


def build_request(
    function: Callable[..., Any], arguments: Mapping[str, Any], *, reports: bool = False
) -> str:
    """Return the JSON text of a request to call a module-level function of dl_magics.

    With `reports` the function also gets `progress`, which it calls with what is done, and of all.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    return json.dumps({"function": name, "arguments": dict(arguments), "progress": reports})


def read_progress(line: str, mark: str) -> tuple[int, int] | None:
    """Return what is done and of how much, of a line of output; None if it says neither."""
    name, *numbers = line.split(" ")
    if name != f"{mark}/progress" or not all(
        each.isdecimal() and len(each) < _MOST_DIGITS for each in numbers
    ):
        return None
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None


def read_response(output: str, mark: str) -> dict[str, Any] | None:
    """Return the result in the output of a process; None if it holds no response.

    Raises
    ------
    DLMagicsError
        the error that the function raised, as its own class.
    """
    lines = [line for line in output.splitlines() if line.startswith(f"{mark} ")]
    if not lines:
        return None
    response = json.loads(lines[-1][len(mark) :])
    if "error" in response:
        error = response["error"]
        raise restore_error(error["type"], error["message"], error["fix"])
    result: dict[str, Any] = response["result"]
    return result


def restore_error(name: str, message: str, fix: str) -> DLMagicsError:
    """Return the error of this class; a CommandFailed if `errors.BY_NAME` lacks the name."""
    return errors.BY_NAME.get(name, errors.CommandFailed)(message, fix=fix)

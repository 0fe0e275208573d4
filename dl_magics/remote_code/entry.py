"""The receiving side: call the requested function and write its result. Runs on the host.

A request is {"function": "module:name", "arguments": {…}}; a response is {"result": {…}} or
{"error": {"type": …, "message": …, "fix": …}}. A request with {"progress": true} calls a function
that reports how far it is. Standard library only, Python 3.8 compatible.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from dl_magics.errors import DLMagicsError

_SECONDS_BETWEEN = 0.25


def main(mark: str) -> None:
    """Read a request from stdin and write the response on one line of stdout, after `mark`.

    The mark is random: nothing that start files or libraries print can be taken for a response.
    """
    request = json.load(sys.stdin)
    if request.get("progress"):
        request["arguments"]["progress"] = _ProgressLines(mark)
    response = respond(request)
    sys.stdout.write(f"\n{mark} {json.dumps(response)}\n")
    sys.stdout.flush()
    # A GPU library may crash the interpreter as it exits; the response is complete.
    os._exit(0)


def respond(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response to a request; only errors of dl_magics are part of it."""
    try:
        return {"result": call(request)}
    except DLMagicsError as error:
        return {"error": {"type": type(error).__name__, "message": str(error), "fix": error.fix}}


def call(request: Mapping[str, Any], *first: Any) -> Any:
    """Call the requested function with `first` and the arguments of the request."""
    module, _, name = request["function"].partition(":")
    return getattr(importlib.import_module(module), name)(*first, **request["arguments"])


class _ProgressLines:
    """Writes how much is done of how much, at most four times a second."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _SECONDS_BETWEEN
        try:
            sys.stdout.write(f"\n{self._mark}/progress {done} {total}\n")
            sys.stdout.flush()
        except OSError:
            # Whoever asked has gone: what is computed now would only occupy the GPU.
            os._exit(1)

"""A row of the report: one check, its result in words and its figures."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

MARK = "@row "
"""Begins the lines of a child's output that are rows."""


@dataclass(frozen=True)
class Row:
    """The result of one check: `status` is "ok", "no GPU", "skipped" or "failed"."""

    backend: str
    check: str
    status: str
    found: str
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON types."""
        return asdict(self)


class NoGpu(Exception):
    """The check needs a GPU, and there is none."""


class Wrong(Exception):
    """The check ran, and its result is not what it must be."""


Check = Callable[[], tuple[str, dict[str, Any]]]
"""Returns what was found, in words and in figures."""


def run_check(backend: str, name: str, check: Check) -> Row:
    """Run a check; whatever it raises becomes its row."""
    started = time.perf_counter()
    figures: dict[str, Any] = {}
    try:
        found, figures = check()
        status = "ok"
    except NoGpu as error:
        status, found = "no GPU", str(error)
    except Exception as error:
        # A check may fail in any way, and the next one must still run.
        first = (str(error).strip().splitlines() or [""])[0]
        status, found = "failed", first if isinstance(error, Wrong) else name_error(error, first)
        figures = {"traceback": traceback.format_exc()[-3000:]}
    return Row(backend, name, status, found, figures, round(time.perf_counter() - started, 2))


def name_error(error: Exception, first: str) -> str:
    return f"{type(error).__name__}: {first[:200]}"


def print_checks(backend: str, checks: Iterable[tuple[str, Check]]) -> None:
    """Run checks in this child process, and print each row as soon as it is known."""
    for name, check in checks:
        print(MARK + json.dumps(run_check(backend, name, check).to_json()), flush=True)


def parse_rows(output: str) -> list[Row]:
    """Return the rows in the output of a child."""
    lines = (line for line in output.splitlines() if line.startswith(MARK))
    return [Row(**json.loads(line.removeprefix(MARK))) for line in lines]

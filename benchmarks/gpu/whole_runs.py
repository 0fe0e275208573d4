"""Whole processes, one after the other: the Keras guide's way, and ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from children import ChildFailed, run_child
from rows import Row
from setting import Setting

_FIRST_RATE, _SECOND_RATE = "0.001", "0.003"
_MOST_ACCURACY_LOST = 0.03


def compare_runs(setting: Setting, half: str, timeout: float) -> Iterator[Row]:
    """Yield a row for each process; `half` is the policy in half precision that suits the GPU."""
    guide = None
    for policy in dict.fromkeys(("float32", half)):
        row, result = _run(setting, f"guide, {policy}", "guide.py", policy, timeout=timeout)
        yield row
        guide = guide or result
    for name, rate in (("first run", _FIRST_RATE), ("second run, other rate", _SECOND_RATE)):
        row, result = _run(setting, name, "finetune.py", rate, timeout=timeout)
        yield _compare(row, result, guide) if result and guide else row


def _run(
    setting: Setting, name: str, program: str, argument: str, timeout: float
) -> tuple[Row, dict[str, Any] | None]:
    check = f"whole run: {name}"
    try:
        output, seconds = run_child(program, setting, argument, timeout=timeout)
    except ChildFailed as failed:
        message, _, errors = failed.args
        return Row(setting.backend, check, "failed", message, {"stderr": errors}), None
    result = json.loads(output.strip().splitlines()[-1]) | {"seconds": round(seconds, 2)}
    phases = ", ".join(
        f"{phase} {each:.1f} s" for phase, each in result.get("phases", {}).items() if each >= 0.05
    )
    found = f"{seconds:.1f} s, val_accuracy {result['accuracy']:.3f}"
    row = Row(
        setting.backend,
        check,
        "ok",
        f"{found} ({phases})" if phases else found,
        result,
        round(seconds, 2),
    )
    return row, result


def _compare(row: Row, result: dict[str, Any], guide: dict[str, Any]) -> Row:
    times = guide["seconds"] / result["seconds"]
    worse = guide["accuracy"] - result["accuracy"] > _MOST_ACCURACY_LOST
    return Row(
        row.backend,
        row.check,
        "failed" if worse else row.status,
        f"{times:.1f} times as fast as the guide: {row.found}"
        + (f"; the guide's accuracy is {guide['accuracy']:.3f}" if worse else ""),
        row.figures | {"times_as_fast": times},
        row.seconds,
    )

"""One line for each worker of a crew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dl_magics.runs.state import RunState
from dl_magics.text import escape_controls

_STATES = {
    "starting": "starts",
    "lost": "is lost, is started again",
    "ended": "has ended",
}


def format_workers(state: RunState) -> Iterator[str]:
    """Yield `crew-1: 320 images (26 %), 12.4 images/s, $0.0512` for each worker of a run."""
    total = sum(each["images"] for each in state.workers)
    for each in state.workers:
        yield escape_controls(", ".join(_describe(each, total, is_over=_is_over(state))))


def _is_over(state: RunState) -> bool:
    return state.phase != "features" or state.ended


def _describe(each: Mapping[str, Any], total: int, *, is_over: bool) -> Iterator[str]:
    share = f" ({100 * each['images'] / total:.0f} %)" if total else ""
    yield f"{each['name']}: {each['images']:,} images{share}"
    if each["state"] in _STATES:
        yield _STATES[each["state"]]
    elif each["images_per_second"] and not is_over:
        yield f"{each['images_per_second']:.1f} images/s"
    if each.get("dollars") is not None:
        yield f"${each['dollars']:.4f}" + (" for the features" if is_over else "")

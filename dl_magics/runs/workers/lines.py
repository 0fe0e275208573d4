"""What each worker of a crew has done: a row of a table, or a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dl_magics.runs.state import RunState
from dl_magics.text import escape_controls

_STATES = {
    "starting": "starting",
    "computing": "",
    "lost": "lost, is started again",
    "ended": "ended",
}


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """The cells of a worker as text; `share` is of all images so far, `state` is what is unusual.

    `kind` is the state as the events name it.
    """

    name: str
    images: str
    share: str
    speed: str
    dollars: str
    state: str
    kind: str

    def to_json(self) -> dict[str, str]:
        """Return the cells as plain values."""
        return asdict(self)


def list_rows(state: RunState) -> list[WorkerRow]:
    """Return a row for each worker of a run; speeds and states are those while it computes."""
    total = sum(each["images"] for each in state.workers)
    is_over = state.phase != "features" or state.ended
    return [_make_row(each, total, is_over=is_over) for each in state.workers]


def format_workers(state: RunState) -> Iterator[str]:
    """Yield `crew-1: 320 images (26 %), 12.4 images/s, $0.0512` for each worker of a run."""
    is_over = state.phase != "features" or state.ended
    for row in list_rows(state):
        share = f" ({row.share})" if row.share else ""
        speed = f"{row.speed} images/s" if row.speed else ""
        dollars = row.dollars + (" for the features" if row.dollars and is_over else "")
        parts = [f"{row.images} images{share}", row.state, speed, dollars]
        yield f"{row.name}: {', '.join(each for each in parts if each)}"


def _make_row(each: Mapping[str, Any], total: int, *, is_over: bool) -> WorkerRow:
    # Once all is computed, only that a worker had ended before is of interest.
    kind = "" if is_over and each["state"] != "ended" else str(each["state"])
    is_fast = kind == "computing" and each["images_per_second"]
    return WorkerRow(
        name=escape_controls(str(each["name"])),
        images=f"{each['images']:,}",
        share=f"{100 * each['images'] / total:.0f} %" if total else "",
        speed=f"{each['images_per_second']:,.1f}" if is_fast else "",
        dollars="" if each.get("dollars") is None else f"${each['dollars']:.4f}",
        state=_STATES.get(kind, ""),
        kind=kind,
    )

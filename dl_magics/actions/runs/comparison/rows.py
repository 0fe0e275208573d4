"""The rows of a comparison: what the runs were given, what came of it, and what it took."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.runs.comparison.side import Side
from dl_magics.core import money
from dl_magics.core.interval import Interval
from dl_magics.runs import summary
from dl_magics.runs.evaluation import Evaluation

NONE = "–"
_LONGEST = 80
_BALANCED = "val_balanced_accuracy"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: its name and a cell for each run."""

    name: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether two cells are different."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a heading."""

    title: str
    rows: tuple[Row, ...]


def list_groups(sides: Sequence[Side]) -> tuple[Group, ...]:
    """Return the rows by heading: settings and images only where they differ."""

    def row(name: str, describe: Callable[[Side], str]) -> Row:
        return Row(name, tuple(map(describe, sides)))

    recipes = [side.state.recipe for side in sides]
    versions = [side.state.versions for side in sides]
    given = [
        *(
            Row(name, tuple(_describe_setting(each.get(name, NONE)) for each in recipes))
            for name in dict.fromkeys(name for each in recipes for name in each)
        ),
        row("training images", lambda side: _count(side, "train")),
        row("validation images", lambda side: _count(side, "valid")),
        *(
            Row(name, tuple(each.get(name, NONE) for each in versions))
            for name in dict.fromkeys(name for each in versions for name in each)
        ),
        row("computer", lambda side: summary.describe_host(side.state)),
        row("device", lambda side: side.state.device or NONE),
    ]
    groups = (
        Group("What differs", tuple(each for each in given if each.differs)),
        Group(
            "Result",
            (
                row("val_accuracy", _describe_accuracy),
                *_if_known(row(_BALANCED, lambda side: _format(side.best.get(_BALANCED)))),
                row("val_loss", lambda side: _format(side.best.get("val_loss"))),
                *_if_known(row("test accuracy", lambda side: _describe_test(side.test))),
                row("best epoch", _describe_epoch),
                *_if_different(row("status", lambda side: summary.describe_status(side.state))),
            ),
        ),
        Group(
            "Time and money",
            (row("duration", _describe_duration), row("cost", _describe_cost)),
        ),
    )
    return tuple(group for group in groups if group.rows)


def list_equal_settings(sides: Sequence[Side]) -> str:
    """Return the settings that all runs have in common: `model = VGG16, epochs = 10`."""
    first, *others = (side.state.recipe for side in sides)
    same = {
        name: value
        for name, value in first.items()
        if all(name in each and each[name] == value for each in others)
    }
    return ", ".join(f"{name} = {_describe_setting(value)}" for name, value in same.items())


def _if_known(row: Row) -> tuple[Row, ...]:
    return (row,) if set(row.cells) != {NONE} else ()


def _if_different(row: Row) -> tuple[Row, ...]:
    return (row,) if row.differs else ()


def _describe_setting(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split()) or "''"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"


def _count(side: Side, part: str) -> str:
    count = f"{sum(side.state.counts.get(part, {}).values()):,}"
    digest = side.state.digests.get(part, "")
    return f"{count} ({digest[:8]})" if digest else count


def _format(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _describe_share(share: float | None, interval: Interval | None) -> str:
    if share is None:
        return NONE
    return f"{100 * share:.1f} % ({interval})" if interval else f"{share}"


def _describe_accuracy(side: Side) -> str:
    return _describe_share(side.best.get("val_accuracy"), side.interval)


def _describe_test(test: Evaluation | None) -> str:
    return _describe_share(test.accuracy, test.interval) if test else NONE


def _describe_epoch(side: Side) -> str:
    best = side.state.best
    return f"{best['epoch']} of {len(side.state.epochs)}" if best else NONE


def _describe_duration(side: Side) -> str:
    return money.format_duration(side.state.seconds_running) if side.state.started_at else NONE


def _describe_cost(side: Side) -> str:
    dollars = side.state.dollars
    if dollars is None:
        is_instance = "type" in side.state.host
        return "price unknown" if is_instance else "nothing"
    return money.add_day(money.format_dollars(dollars), side.state.price_day)

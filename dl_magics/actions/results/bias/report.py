"""What `%bias_report` shows: where a run is wrong more often, and what it may go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dl_magics.actions.results.bias.calibration import Calibration
from dl_magics.actions.results.bias.groups import GroupResult
from dl_magics.actions.results.bias.reliability_chart import draw_reliability
from dl_magics.actions.results.bias.sample_size import describe_sample
from dl_magics.actions.results.bias.shortcuts import (
    Ablation,
    describe_network,
    describe_surroundings,
    find_shortcuts,
)
from dl_magics.core import table
from dl_magics.runs.evaluation import Evaluation
from dl_magics.text import escape_controls, wrap_html

_HEADS = ("", "right", "images", "accuracy", "95 % interval", "")
_MOST_ROWS = 30
_LIMITS = (
    "What this cannot see: a bias that these images have too, as all of them are of one source; a "
    "shortcut that is elsewhere than in a corner, at the border or around the middle; whether a "
    "region is a shortcut or shows the object. Look at the images: %top_losses, %confusion."
)


@dataclass(frozen=True)
class BiasReport:
    """The results by class and group, the calibration, and what parts of other images change."""

    evaluation: Evaluation
    classes: tuple[GroupResult, ...]
    groups: tuple[GroupResult, ...]
    calibration: Calibration
    ablation: Ablation | None = None
    why_no_ablation: str = ""

    @property
    def findings(self) -> list[str]:
        """What stands out, in sentences."""
        worse = [
            f"{each.name!r} is recognized {each.verdict}: {_format_share(each)}."
            for each in (*self.classes, *self.groups)
            if each.is_worse
        ]
        note = [self.evaluation.note] if self.evaluation.note else []
        found = [*worse, self.calibration.describe(), *note]
        if self.ablation is None:
            return [*found, self.why_no_ablation]
        shortcuts = find_shortcuts(self.ablation)
        surroundings = describe_surroundings(self.ablation)
        return [
            *(each.describe() for each in shortcuts),
            *describe_sample(self.ablation, shortcuts, self.evaluation),
            *found,
            *([surroundings] if surroundings else []),
        ]

    def _title(self) -> str:
        found = self.evaluation
        right = 100 * (found.accuracy or 0)
        return (
            f"{found.run}: {right:.1f} % of {len(found.labelled):,} {found.split} images are right "
            f"(95 % interval {found.interval})"
        )

    def _tables(self) -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
        tables = [("By class", _rows(self.classes))]
        if self.groups:
            tables.append(("By group", _rows(self.groups)))
        return tables

    def _calibration_line(self) -> str:
        found = self.calibration
        return (
            f"Calibration error (ECE, ten bins): {100 * found.error:.1f} %. "
            f"About {100 * found.error_by_chance:.1f} % would be measured of {found.images:,} "
            "images if the probabilities were right."
        )

    def _network(self) -> list[str]:
        return describe_network(self.ablation) if self.ablation else []

    def __repr__(self) -> str:
        lines = [self._title(), ""]
        lines += [f"· {each}" for each in self.findings]
        for title, rows in self._tables():
            lines += ["", table.format_text(title, _HEADS, rows)]
        lines += ["", self._calibration_line()]
        if network := self._network():
            lines += ["", "What the pretrained network sees, before your training:"]
            lines += [f"  {each}" for each in network]
        return escape_controls("\n".join([*lines, "", _LIMITS]), keep="\n")

    def _repr_html_(self) -> str:
        found = "".join(f"<li>{_escape(each)}</li>" for each in self.findings)
        tables = "".join(
            table.format_html(title, _HEADS, [tuple(map(escape_controls, row)) for row in rows])
            for title, rows in self._tables()
        )
        network = "".join(f"<li>{_escape(each)}</li>" for each in self._network())
        before = (
            f"<p>What the pretrained network sees, before your training:</p><ul>{network}</ul>"
            if network
            else ""
        )
        return wrap_html(
            f"<p><b>{_escape(self._title())}</b></p><ul>{found}</ul>{tables}"
            f"<p>{self._calibration_line()}</p>{draw_reliability(self.calibration)}{before}"
            f"<p><small>{_LIMITS}</small></p>"
        )


def _rows(results: Sequence[GroupResult]) -> tuple[tuple[str, ...], ...]:
    rows = [
        (
            each.name,
            f"{each.right:,}",
            f"{each.images:,}",
            f"{100 * each.accuracy:.1f} %",
            str(each.interval),
            each.verdict,
        )
        for each in results[:_MOST_ROWS]
    ]
    if (more := len(results) - _MOST_ROWS) > 0:
        rows.append((f"and {more:,} more, with a higher accuracy", "", "", "", "", ""))
    return tuple(rows)


def _format_share(each: GroupResult) -> str:
    others = 100 * each.right_of_others / each.others
    return (
        f"{100 * each.accuracy:.0f} % of {each.images:,} images ({each.interval}), of the others "
        f"{others:.0f} %"
    )


def _escape(text: str) -> str:
    return escape(escape_controls(text))

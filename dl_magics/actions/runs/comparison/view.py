"""A comparison of runs as one object that shows itself: a table and curves, or text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dl_magics.actions.runs.comparison.rows import Group
from dl_magics.actions.runs.comparison.side import Side
from dl_magics.core import table
from dl_magics.runs.report import chart
from dl_magics.runs.report.chart import Line
from dl_magics.text import escape_controls, wrap_html

_CURVES = ("val_loss", "val_accuracy")
_QUIET = "opacity: 0.8"
_CELL = (
    "text-align: left; vertical-align: top; padding: 3px 14px 3px 0; overflow-wrap: anywhere; "
    "white-space: normal"
)
_GROUP = f"{_CELL}; padding-top: 10px; border-bottom: 1px solid #8886"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    sides
        The runs, each under its letter.
    groups
        The rows of the table by heading.
    equal
        The settings that all have in common.
    verdicts
        Sentences about whether the accuracies differ by more than chance.
    """

    sides: tuple[Side, ...]
    groups: tuple[Group, ...]
    equal: str
    verdicts: tuple[str, ...]

    def __repr__(self) -> str:
        heads = ("", *(side.letter for side in self.sides))
        rows = [(row.name, *row.cells) for group in self.groups for row in group.rows]
        names = [_describe_side(side) for side in self.sides]
        shown = [[escape_controls(cell) for cell in row] for row in rows]
        body = table.format_text("\n".join(map(escape_controls, names)), heads, shown)
        lines = [body, *self.verdicts]
        if self.equal:
            lines.append(f"The same in all: {self.equal}")
        return "\n".join([body, *map(escape_controls, lines[1:])])

    def _repr_html_(self) -> str:
        curves = "".join(self._draw_curves(name) for name in _CURVES)
        verdicts = "".join(
            f'<p style="margin: 6px 0"><b>{_text(line)}</b></p>' for line in self.verdicts
        )
        equal = (
            f'<details style="margin: 8px 0"><summary style="cursor: pointer">Settings that are '
            f'the same in all</summary><p style="margin: 4px 0; overflow-wrap: anywhere">'
            f"{_text(self.equal)}</p></details>"
            if self.equal
            else ""
        )
        return wrap_html(
            '<div role="region" aria-label="Comparison of runs" style="max-width: 100%">'
            f'<div style="display: flex; flex-wrap: wrap; gap: 4px 20px">{curves}</div>'
            f"{verdicts}{self._draw_table()}{equal}</div>"
        )

    def _draw_table(self) -> str:
        heads = "".join(
            f'<th scope="col" style="{_CELL}">{chart.draw_swatch(at)} {side.letter} '
            f'<span style="font-weight: normal">{_text(side.name).replace("_", "_<wbr>")}'
            + (f'<br><span style="{_QUIET}">{_text(side.tag)}</span>' if side.tag else "")
            + "</span></th>"
            for at, side in enumerate(self.sides)
        )
        body = "".join(map(self._draw_group, self.groups))
        return (
            '<div style="overflow-x: auto"><table style="border-collapse: collapse; margin: 8px 0">'
            f'<thead><tr><td style="{_CELL}"></td>{heads}</tr></thead>{body}</table></div>'
        )

    def _draw_group(self, group: Group) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="{_CELL}; font-weight: normal; white-space: nowrap">'
            f"{_text(row.name)}</th>"
            + "".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in row.cells)
            + "</tr>"
            for row in group.rows
        )
        return (
            f'<tbody><tr><th scope="rowgroup" colspan="{len(self.sides) + 1}" style="{_GROUP}">'
            f"{_text(group.title)}</th></tr>{rows}</tbody>"
        )

    def _draw_curves(self, metric: str) -> str:
        lines = []
        for at, side in enumerate(self.sides):
            best = side.state.best
            lines.append(
                Line(
                    side.letter,
                    [(each["epoch"], each["logs"][metric]) for each in side.state.epochs],
                    key=at,
                    marked=best["epoch"] if best else None,
                )
            )
        known = [
            f"{side.letter} {side.best[metric]:.4f} in epoch {side.state.best['epoch']}"
            for side in self.sides
            if side.state.best
        ]
        return chart.draw_chart(
            metric, lines, f"{metric} by epoch, at the best: {'; '.join(known)}"
        )


def _describe_side(side: Side) -> str:
    return f"{side.letter}: {side.name}" + (f" ({side.tag})" if side.tag else "")


def _text(value: str) -> str:
    return escape(escape_controls(value))

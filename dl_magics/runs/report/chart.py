"""Curves as SVG inside a page: the ink is that of the page, so that each theme and print read it.

Each line has a name at its end and dots of its own shape: no colour is needed to tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dl_magics.text import escape_controls

COLORS = ("#3b7fc4", "#c8660a", "#23936a", "#9560c0", "#d2465c", "#128a9c", "#85801a", "#7a7a7a")
"""Readable on white and on black."""

_WIDTH, _HEIGHT = 440, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 50, 30, 38
_MOST_DOTS = 40
_TICKS = 4
_LINE = 13  # pixels between two names at the ends of lines
# A dot around (0, 0), one shape for each line.
_SHAPES = (
    '<circle r="3"/>',
    '<path d="M-3-3h6v6h-6z"/>',
    '<path d="M0-4L4 3H-4z"/>',
    '<path d="M0-4L4 0L0 4L-4 0z"/>',
    '<path d="M0 4L4-3H-4z"/>',
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of (x, y) points; `key` chooses colour and shape, `name` stands at its end.

    The point at the x `marked` is drawn larger.
    """

    name: str
    points: Sequence[tuple[float, float]]
    key: int = 0
    is_dashed: bool = False
    marked: float | None = None

    @property
    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn: a loss may be NaN."""
        return [(x, y) for x, y in self.points if math.isfinite(x) and math.isfinite(y)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def draw_chart(
    title: str, lines: Sequence[Line], description: str, *, divider: float | None = None
) -> str:
    """Return a picture of lines by epoch with its axes; "" where no line has a point.

    `description` is what a screen reader says; at the x `divider` is a dotted vertical line.
    """
    shown = [line for line in lines if line.finite]
    points = [point for line in shown for point in line.finite]
    if not points:
        return ""
    across, up = _scales(points)
    parts = [_draw_axes(title, across, up)]
    if divider is not None and across.low < divider < across.high:
        x = across(divider)
        parts.append(
            f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="currentColor" '
            'stroke-opacity=".6" stroke-dasharray="1 4" fill="none"/>'
        )
    parts += [_draw_line(line, across, up) for line in shown]
    parts += _draw_names(shown, across, up)
    label = escape(escape_controls(description), quote=True)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" xmlns="http://www.w3.org/2000/svg" '
        f'style="max-width: 100%; height: auto; font: 12px system-ui, sans-serif; color: inherit">'
        f"{''.join(parts)}</svg>"
    )


def draw_swatch(key: int) -> str:
    """Return the line and dot of a key, for a legend."""
    color = COLORS[key % len(COLORS)]
    return (
        '<svg aria-hidden="true" width="22" height="12" viewBox="-11 -6 22 12" '
        'xmlns="http://www.w3.org/2000/svg" style="vertical-align: -1px">'
        f'<path d="M-11 0H11" stroke="{color}" stroke-width="2"/>'
        f'<g fill="{color}">{_SHAPES[key % len(_SHAPES)]}</g></svg>'
    )


def _scales(points: Sequence[tuple[float, float]]) -> tuple[_Scale, _Scale]:
    xs, ys = zip(*points, strict=True)
    low, high = min(ys), max(ys)
    gap = (high - low) * 0.08 or max(abs(high) * 0.05, 1e-3)
    first, last = min(xs), max(xs)
    if first == last:
        first, last = first - 1, last + 1
    return (
        _Scale(first, last, _LEFT + 8, _WIDTH - _RIGHT),
        _Scale(low - gap, high + gap, _HEIGHT - _BOTTOM, _TOP),
    )


def _draw_axes(title: str, across: _Scale, up: _Scale) -> str:
    ink = 'fill="currentColor"'
    parts = [f'<text x="{_LEFT - 40}" y="16" {ink} font-weight="600">{_text(title)}</text>']
    for value in _find_ticks(up.low, up.high):
        y = up(value)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT + 6}" stroke="currentColor" '
            'stroke-opacity=".18" fill="none"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" {ink} text-anchor="end">{value:.4g}</text>'
        )
    bottom = _HEIGHT - _BOTTOM
    epochs = [value for value in _find_ticks(across.low, across.high) if value == int(value) >= 1]
    parts += [
        f'<text x="{across(value):.1f}" y="{bottom + 16}" {ink} text-anchor="middle">'
        f"{value:.0f}</text>"
        for value in epochs
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<path d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT + 6}" stroke="currentColor" '
        'stroke-opacity=".6" fill="none"/>'
        f'<text x="{middle}" y="{_HEIGHT - 6}" {ink} text-anchor="middle">epoch</text>'
    )
    return "".join(parts)


def _find_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two."""
    step = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step *= next(by for by in (1, 2, 5, 10) if (high - low) / (step * by) <= _TICKS + 2)
    first = math.ceil(low / step)
    return [round(n * step, 12) for n in range(first, math.floor(high / step) + 1)]


def _draw_line(line: Line, across: _Scale, up: _Scale) -> str:
    color = COLORS[line.key % len(COLORS)]
    places = [(across(x), up(y), x == line.marked) for x, y in line.finite]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
    dashes = ' stroke-dasharray="5 4" stroke-opacity=".75"' if line.is_dashed else ""
    drawn = f'<path d="M{path}" stroke="{color}" stroke-width="1.8" fill="none"{dashes}/>'
    has_all = len(places) <= _MOST_DOTS and not line.is_dashed
    dots = "".join(
        f'<g transform="translate({x:.1f} {y:.1f}){" scale(1.9)" if is_marked else ""}">'
        f"{_SHAPES[line.key % len(_SHAPES)]}</g>"
        for x, y, is_marked in places
        if is_marked or has_all or len(places) == 1
    )
    return f'{drawn}<g fill="{color}">{dots}</g>'


def _draw_names(lines: Sequence[Line], across: _Scale, up: _Scale) -> list[str]:
    """Return the names at the ends of the lines, each below the one above it."""
    ends = sorted(
        ((up(line.finite[-1][1]), line) for line in lines if line.name), key=lambda end: end[0]
    )
    drawn, above = [], -math.inf
    for y, line in ends:
        above = max(y, above + _LINE)
        x = across(line.finite[-1][0]) + 10
        color = COLORS[line.key % len(COLORS)]
        drawn.append(
            f'<text x="{x:.1f}" y="{above + 4:.1f}" fill="{color}" font-weight="700">'
            f"{_text(line.name)}</text>"
        )
    return drawn


def _text(value: str) -> str:
    return escape(escape_controls(value))

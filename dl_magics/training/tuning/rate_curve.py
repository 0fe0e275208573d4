"""The result of a learning rate range test: a curve, its suggestion, and a picture of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from dl_magics.text import wrap_html

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 560, 240, 48, 36, 12
# Blue and orange that can be told apart, and read on white and on black.
_CURVE, _MARK = "#3987e5", "#d9822b"
_RULE = "a tenth of the rate with the lowest loss"


@dataclass(frozen=True)
class RateCurve:
    """The losses of batches that were trained with growing learning rates.

    `losses` are smoothed, `before` is the learning rate of the run, `heads` how many were trained.
    """

    run: str
    rates: Sequence[float]
    losses: Sequence[float]
    before: float
    heads: int
    optimizer: str

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RateCurve:
        """Return the curve that `to_json` was called on."""
        return cls(**values)

    @property
    def lowest(self) -> float:
        """The learning rate with the lowest loss."""
        return self.rates[min(range(len(self.losses)), key=self.losses.__getitem__)]

    @property
    def suggestion(self) -> float:
        """A tenth of the rate with the lowest loss, rounded to two digits."""
        return _round(self.lowest / 10)

    @property
    def lines(self) -> list[str]:
        """The suggestion, its rule, and what it does not say."""
        of_heads = f" that of {self.heads} heads, averaged," if self.heads > 1 else " that"
        return [
            f"learning_rate = {self.suggestion:g} for the head of {self.run} with {self.optimizer}",
            f"The rule: {_RULE} ({_round(self.lowest):g}). The loss is{of_heads} of single "
            f"batches, smoothed; the run had {self.before:g}.",
            "It says where training is fast and does not diverge, not which rate ends best: try "
            "it, and compare val_loss.",
        ]

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        first, *rest = map(escape, self.lines)
        text = "<br>".join(rest)
        return wrap_html(f"<p><b>{first}</b></p>{self.draw()}<p><small>{text}</small></p>")

    def draw(self) -> str:
        """Return the curve as SVG: its text has the colour of the page, in both themes."""
        xs = [math.log10(rate) for rate in self.rates]
        # What diverges at the end would flatten everything else.
        top = max(self.losses[0], min(self.losses)) * 1.2
        bottom = min(self.losses)
        span = (top - bottom) or 1.0

        def x(value: float) -> float:
            wide = (xs[-1] - xs[0]) or 1.0
            return _LEFT + (value - xs[0]) / wide * (_WIDTH - _LEFT - 12)

        def y(loss: float) -> float:
            return _TOP + (top - min(loss, top)) / span * (_HEIGHT - _TOP - _BOTTOM)

        points = " ".join(
            f"{x(at):.1f},{y(loss):.1f}" for at, loss in zip(xs, self.losses, strict=True)
        )
        ticks = "".join(
            f'<text x="{x(power):.1f}" y="{_HEIGHT - 16}" text-anchor="middle">1e{power}</text>'
            for power in range(math.ceil(xs[0]), math.floor(xs[-1]) + 1)
        )
        levels = "".join(
            f'<text x="{_LEFT - 6}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.2g}</text>'
            for loss in (bottom, (bottom + top) / 2, top)
        )
        at = x(math.log10(self.suggestion))
        marked = max(at, _LEFT)
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" '
            f'aria-label="loss by learning rate; suggested: {self.suggestion:g}" '
            'style="max-width:100%;font:12px sans-serif;fill:currentColor">'
            f'<path d="M{_LEFT},{_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - 12}" fill="none" '
            'stroke="currentColor" stroke-opacity="0.4"/>'
            f'<line x1="{marked:.1f}" x2="{marked:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
            f'stroke="{_MARK}" stroke-width="2" stroke-dasharray="5 4"/>'
            f'<polyline points="{points}" fill="none" stroke="{_CURVE}" stroke-width="2"/>'
            f'<text x="{marked + 5:.1f}" y="{_TOP + 10}">{self.suggestion:g}</text>{ticks}{levels}'
            f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 2}" text-anchor="end">learning rate</text>'
            "</svg>"
        )


def _round(rate: float) -> float:
    return float(f"{rate:.1e}")

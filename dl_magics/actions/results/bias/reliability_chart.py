"""The reliability curve as SVG: accuracy by probability, in the colours of the page."""

from __future__ import annotations

from dl_magics.actions.results.bias.calibration import Calibration

_SIDE, _LEFT, _BOTTOM, _TOP = 200, 40, 34, 10
_TEXT = 'font-size="11" fill="currentColor"'


def draw_reliability(found: Calibration) -> str:
    """Return the chart: a point for each bin with its 95 % interval, a diagonal that is ideal."""
    width, height = _LEFT + _SIDE + 26, _TOP + _SIDE + _BOTTOM

    def x(share: float) -> float:
        return round(_LEFT + share * _SIDE, 1)

    def y(share: float) -> float:
        return round(_TOP + (1 - share) * _SIDE, 1)

    lines = [
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.4"/>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="currentColor" '
        'stroke-opacity="0.5" stroke-dasharray="4 3"/>',
    ]
    most = max(each.images for each in found.bins)
    for each in found.bins:
        at, (low, high) = x(each.probability), each.interval
        radius = round(3 + 4 * (each.images / most) ** 0.5, 1)
        lines += [
            f'<line x1="{at}" y1="{y(low)}" x2="{at}" y2="{y(high)}" stroke="#3a7bd5" '
            'stroke-width="2" stroke-opacity="0.6"/>',
            f'<circle cx="{at}" cy="{y(each.accuracy)}" r="{radius}" fill="#3a7bd5">'
            f"<title>{each.images} images, {100 * each.probability:.0f} % sure, "
            f"{100 * each.accuracy:.0f} % right</title></circle>",
        ]
    for share in (0, 0.5, 1):
        lines += [
            f'<text x="{x(share)}" y="{_TOP + _SIDE + 14}" text-anchor="middle" {_TEXT}>'
            f"{100 * share:.0f} %</text>",
            f'<text x="{_LEFT - 5}" y="{y(share) + 4}" text-anchor="end" {_TEXT}>'
            f"{100 * share:.0f} %</text>",
        ]
    lines.append(
        f'<text x="{x(0.5)}" y="{height - 4}" text-anchor="middle" {_TEXT}>'
        "how sure the run is (up: accuracy)</text>"
    )
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="Accuracy by probability" style="max-width: 100%">' + "".join(lines) + "</svg>"
    )

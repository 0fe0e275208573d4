"""Pictures of images as HTML that a saved notebook keeps: no script, the colours of the theme.

File names are not trusted: each text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from dl_magics.text import escape_controls

QUIET = "opacity: 0.8"
_GRID = "display: flex; flex-wrap: wrap; gap: 14px; margin: 8px 0; padding: 0"
# `max-width: none`: Jupyter's own `max-width: 100%` would leave no width in a narrow page.
# Of each image the center square is shown, which is what the network gets.
_IMAGE = (
    "width: 112px; height: 112px; max-width: none; margin: 0; display: block; object-fit: cover; "
    "border: 1px solid #8886; border-radius: 2px"
)
_CAPTION = "font-size: 85%; line-height: 1.35; overflow-wrap: anywhere; margin-top: 4px"


@dataclass(frozen=True)
class Shown:
    """An image with its pictures, each {what it is: JPEG in base64}, and the lines below it."""

    path: str
    pictures: dict[str, str]
    lines: Sequence[str]


def draw_gallery(shown: Iterable[Shown]) -> str:
    """Return images beside each other."""
    return f'<div style="{_GRID}">{"".join(map(_draw, shown))}</div>'


def quote_text(value: object) -> str:
    """Return a text as HTML that shows it."""
    return escape(escape_controls(str(value)))


def _draw(shown: Shown) -> str:
    pictures = "".join(
        f'<img src="data:image/jpeg;base64,{data}" alt="{quote_text(f"{what} {shown.path}")}" '
        f'title="{quote_text(what)}" style="{_IMAGE}">'
        for what, data in shown.pictures.items()
        if data
    )
    width = 120 * max(1, sum(map(bool, shown.pictures.values())))
    first, *others = shown.lines or ("",)
    rest = "".join(f'<br><span style="{QUIET}">{quote_text(line)}</span>' for line in others)
    return (
        f'<div style="width: {width}px; break-inside: avoid"><div style="display: flex; gap: 4px">'
        f'{pictures}</div><div style="{_CAPTION}">{quote_text(first)}{rest}</div></div>'
    )

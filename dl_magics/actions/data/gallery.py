"""The findings of a check as pictures in a page, and as lines in a terminal.

The page takes its colours from the theme and needs no kernel. Groups with many items are folded.
"""

from __future__ import annotations

from html import escape

from dl_magics.data.quality.check import MOST_PICTURES, PICTURE_SIDE
from dl_magics.data.quality.findings import KINDS, Finding, Item
from dl_magics.text import escape_controls

_MOST_LINES = 5
_MOST_OPEN = 12

_GRID = "display: flex; flex-wrap: wrap; gap: 12px; margin: 8px 0 4px 0; padding: 0"
# `max-width: none`: Jupyter's own `max-width: 100%` would leave no width in a narrow page.
_IMAGE = (
    f"height: {PICTURE_SIDE}px; max-width: {2 * PICTURE_SIDE}px; object-fit: cover; margin: 0; "
    # Seen on any ground, also around a white image on a white page.
    "display: block; border: 1px solid #8886; border-radius: 2px"
)
_CAPTION = "font-size: 85%; line-height: 1.35; overflow-wrap: anywhere; margin-top: 4px"
_QUIET = "opacity: 0.75"
# On paper a heading stays with its first pictures, and a picture with its name.
_SUMMARY = "cursor: pointer; break-after: avoid"
_ITEM = "break-inside: avoid"


def draw_lines(finding: Finding) -> list[str]:
    """Return a finding as lines of text."""
    lines = [f"{finding.title}: {KINDS[finding.kind].why}"]
    lines += [f"  {_describe(each)}" for each in finding.items[:_MOST_LINES]]
    if len(finding.items) > _MOST_LINES:
        rest = len(finding.items) - _MOST_LINES
        lines.append(f"  and {rest:,} more, in the next cell: _.files({finding.kind!r})")
    return [escape_controls(line) for line in lines]


def draw_html(finding: Finding) -> str:
    """Return a finding as HTML: its pictures, or a list where it has none."""
    shown = finding.items[:MOST_PICTURES]
    rest = len(finding.items) - len(shown)
    more = (
        f'<p style="{_QUIET}">and {rest:,} more, in the next cell: '
        f"<code>_.files({finding.kind!r})</code></p>"
        if rest
        else ""
    )
    if any(each.picture for each in shown):
        body = f'<div style="{_GRID}">{"".join(map(_draw_item, shown))}</div>'
    else:
        rows = "".join(f"<li>{_text(_describe(each))}</li>" for each in shown)
        body = f'<ul style="margin: 4px 0">{rows}</ul>'
    opened = " open" if len(finding.items) <= _MOST_OPEN else ""
    return (
        f'<details{opened} style="margin: 6px 0"><summary style="{_SUMMARY}">'
        f"<b>{_text(finding.title)}</b> "
        f'<span style="{_QUIET}">{_text(KINDS[finding.kind].why)}</span></summary>'
        f"{body}{more}</details>"
    )


def _draw_item(item: Item) -> str:
    pictures = _draw_picture(item.picture, item.path)
    if item.kept_picture:
        pictures += _draw_picture(item.kept_picture, item.kept)
    sides = 2 if item.kept_picture else 1
    width = sides * (PICTURE_SIDE + 48)
    return (
        f'<div style="width: {width}px; {_ITEM}">'
        f'<div style="display: flex; gap: 4px; overflow: hidden">{pictures}</div>'
        f'<div style="{_CAPTION}">{_text(item.path)}'
        + (f'<br><span style="{_QUIET}">{_text(item.detail)}</span>' if item.detail else "")
        + (f'<br><span style="{_QUIET}">as {_text(item.kept)}</span>' if item.kept else "")
        + "</div></div>"
    )


def _draw_picture(picture: str, path: str) -> str:
    if not picture:
        return ""
    source = f"data:image/jpeg;base64,{picture}"
    return f'<img src="{source}" alt="{_text(path)}" style="{_IMAGE}">'


def _describe(item: Item) -> str:
    parts = [item.path]
    if item.kept:
        parts.append(f"as {item.kept}")
    if item.detail:
        parts.append(item.detail)
    return ": ".join(parts) if not item.kept else ", ".join(parts)


def _text(value: str) -> str:
    return escape(escape_controls(value))

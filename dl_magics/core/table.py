"""Tables as text and as HTML, for the output of values."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

# A number with its unit, or a date, stays on one line.
_SHORT, _NO_BREAK = 16, "; white-space: nowrap"

Rows = Sequence[Sequence[str]]


def format_text(title: str, heads: Sequence[str], rows: Rows) -> str:
    """Return the title and the table as text with aligned columns."""
    lines = [list(heads), *(list(map(_join_lines, row)) for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *shown])


def format_html(title: str, heads: Sequence[str], rows: Rows) -> str:
    """Return the title and the table as static HTML, which a saved notebook keeps.

    A table that is wider than the page is scrolled; its words are not broken.
    """
    head = _cells("th", heads)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else ""
    return f'<div style="overflow-x: auto"><p>{escape_text(title)}</p>{table}</div>'


def escape_text(text: str) -> str:
    """Return a text as HTML that keeps its line breaks."""
    return "<br>".join(map(escape, text.splitlines()))


def _join_lines(cell: str) -> str:
    return " ".join(cell.split("\n"))


def _cells(tag: str, texts: Sequence[str]) -> str:
    # Jupyter aligns the cells of tables to the right by default.
    style = "text-align: left; overflow-wrap: normal; word-break: normal"
    return "".join(
        f'<{tag} style="{style}{_NO_BREAK if len(each) <= _SHORT else ""}">'
        f"{escape_text(each)}</{tag}>"
        for each in texts
    )

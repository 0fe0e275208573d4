"""A table as text and as HTML: how our values show themselves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Rows = Sequence[Sequence[str]]


def format_text(title: str, heads: Sequence[str], rows: Rows) -> str:
    """Return lines with the columns below each other."""
    lines = [list(heads), *rows] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([title, *shown])


def format_html(title: str, heads: Sequence[str], rows: Rows) -> str:
    """Return a plain HTML table, which a saved notebook keeps."""
    head = _cells("th", heads)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else ""
    return f"<div><p>{escape(title)}</p>{table}</div>"


def _cells(tag: str, texts: Sequence[str]) -> str:
    # Notebooks put what stands in tables to the right, as if all of it were numbers.
    return "".join(f'<{tag} style="text-align: left">{escape(each)}</{tag}>' for each in texts)

"""Tables as text and as HTML, for the output of values."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from dl_magics.text import wrap_html

# A number with its unit, or a date, stays on one line.
_SHORT, _NO_BREAK = 16, "; white-space: nowrap"
_GAP = "  "

Rows = Sequence[Sequence[str]]


def format_text(title: str, heads: Sequence[str], rows: Rows, width: int | None = None) -> str:
    """Return the title and the table as text with aligned columns.

    A table that is wider than `width` has the longest cells on several lines; words are not broken.
    The default is the width of the terminal; where there is none, there is no limit.
    """
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    lines = [list(heads), *(list(map(_join_lines, row)) for row in rows)] if rows else []
    widths = _fit_widths(lines, width)
    shown = [line for each in lines for line in _format_line(each, widths)]
    return "\n".join([title, *shown])


def format_html(title: str, heads: Sequence[str], rows: Rows) -> str:
    """Return the title and the table as static HTML, which a saved notebook keeps.

    A table that is wider than the page is scrolled; its words are not broken.
    """
    head = _cells("th", heads)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else ""
    return wrap_html(f"<p>{escape_text(title)}</p>{table}", "overflow-x: auto")


def escape_text(text: str) -> str:
    """Return a text as HTML that keeps its line breaks."""
    return "<br>".join(map(escape, text.splitlines()))


def _fit_widths(lines: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of the columns; without a `width` each is that of its longest cell."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    least = [
        max(len(word) for cell in column for word in cell.split() or [""]) for column in columns
    ]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width if width else 0
    while over > 0 and widths != least:
        widest = max(
            (each for each in range(len(widths)) if widths[each] > least[each]),
            key=widths.__getitem__,
        )
        widths[widest] -= 1
        over -= 1
    return widths


def _format_line(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [
        textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]
        if len(cell) > width
        else [cell]
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [
        _GAP.join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    ]


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

"""Text for people: what a host or a file name holds is only shown; lines break between words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

# Control characters, lone surrogates, separators of lines, and what reverses the direction of text:
# they move the cursor, colour or hide what is printed after them.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_find_columns: Callable[[], int] = int


def limit_lines(find_columns: Callable[[], int] = int) -> None:
    """Let `wrap_line` break lines after `find_columns()` columns; 0 is nowhere, the default."""
    global _find_columns
    _find_columns = find_columns


def wrap_html(html: str, style: str = "") -> str:
    """Return HTML as the output of a cell, in which `$` is a dollar.

    Jupyter and exported notebooks would show what is between two prices as a formula.
    """
    styled = f' style="{style}"' if style else ""
    return f'<div class="mathjax_ignore tex2jax_ignore"{styled}>{html}</div>'


def wrap_line(line: str) -> str:
    """Return a line broken between words, with its indent, where what shows it breaks words."""
    columns = _find_columns()
    if not columns:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    return "\n".join(
        textwrap.fill(
            each,
            columns,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        for each in line.split("\n")
    )


def escape_controls(text: str, keep: str = "") -> str:
    r"""Return a text with control characters as Python writes them, for example `\x1b`.

    Those in `keep` are left as they are.
    """
    return _CONTROLS.sub(lambda found: _escaped(found[0], keep), text)


def _escaped(character: str, keep: str) -> str:
    return character if character in keep else ascii(character)[1:-1]

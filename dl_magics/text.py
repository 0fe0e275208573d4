"""Text that may come from a host or a file name, written so that a terminal only shows it."""

from __future__ import annotations

import re

# Control characters, lone surrogates, separators of lines, and what reverses the direction of text:
# they move the cursor, colour or hide what is printed after them.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_controls(text: str, keep: str = "") -> str:
    r"""Return a text with control characters as Python writes them, for example `\x1b`.

    Those in `keep` are left as they are.
    """
    return _CONTROLS.sub(lambda found: _escaped(found[0], keep), text)


def _escaped(character: str, keep: str) -> str:
    return character if character in keep else ascii(character)[1:-1]

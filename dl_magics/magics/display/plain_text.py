"""Text as an output that breaks its lines between words.

Jupyter breaks the lines of printed text and of `text/plain` anywhere, also inside a word.
"""

from __future__ import annotations


def build_bundle(text: str) -> dict[str, str]:
    """Return the MIME bundle of a text."""
    return {"text/plain": text, "text/html": format_html(text)}


def format_html(text: str) -> str:
    """Return a text as HTML: only a word that is longer than the page is broken."""
    from html import escape

    style = "margin: 0; padding: 0; white-space: pre-wrap; word-break: normal"
    return f'<pre style="{style}; overflow-wrap: anywhere">{escape(text)}</pre>'

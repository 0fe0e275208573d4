"""A bar of progress as text."""

from __future__ import annotations

_WIDTH = 24


def format_bar(share: float) -> str:
    """Return a bar that is full to this share, from 0 to 1."""
    full = int(min(max(share, 0.0), 1.0) * _WIDTH)
    return "━" * full + "─" * (_WIDTH - full)

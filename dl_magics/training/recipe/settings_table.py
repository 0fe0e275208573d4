"""The table of settings as README.md and the help of `%%finetune` show it, from `SETTINGS`."""

from __future__ import annotations

import textwrap
from typing import Any

from dl_magics.training.recipe.settings import SETTINGS

_WIDTH = 55  # of the column "meaning" in the help


def to_markdown() -> str:
    """Return the table as in README.md."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | `{_default(each.default)}` | {each.meaning} |"
        for name, each in SETTINGS.items()
    ]
    return "\n".join(lines)


def to_text() -> str:
    """Return the table as in the help of `%%finetune`: plain text in three columns."""
    rows = [("setting", "default", ["meaning"])]
    rows += [
        (name, _default(each.default), textwrap.wrap(each.meaning, _WIDTH))
        for name, each in SETTINGS.items()
    ]
    lines = []
    for name, default, (first, *more) in rows:
        lines.append(f"{name:<20}{default:<12}{first}")
        lines += [" " * 32 + line for line in more]
    return "\n".join(lines)


def _default(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    return f'"{value}"' if isinstance(value, str) else str(value)

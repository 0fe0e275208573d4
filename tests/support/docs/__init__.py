"""The pages of docs/ and their blocks."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "reference")


def read_blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of a page in one language."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)

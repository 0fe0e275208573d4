"""The tag of a run: words of a person, in `tag.txt` of its folder."""

from __future__ import annotations

from pathlib import Path

from dl_magics.errors import BadSetting
from dl_magics.runs.write_errors import translating_write_errors
from dl_magics.store import atomic

FILE_NAME = "tag.txt"
LONGEST = 100
_MOST_BYTES = 4 * LONGEST


def read_tag(folder: Path) -> str:
    """Return the tag of the run in a folder, in one line; "" without one."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    return " ".join(text.split())[:LONGEST]


def write_tag(folder: Path, text: str) -> str:
    """Write the tag of a run, or remove it where the text is empty; return it in one line.

    Raises
    ------
    BadSetting
        where it is too long.
    """
    tag = " ".join(text.split())
    if len(tag) > LONGEST:
        raise BadSetting(
            f"The tag has {len(tag):,} characters: {tag[:40]} …",
            fix=f"Use up to {LONGEST}: %runs --tag RUN baseline",
        )
    with translating_write_errors(folder):
        if tag:
            atomic.replace(folder / FILE_NAME, f"{tag}\n".encode("utf-8", "replace"))
        else:
            (folder / FILE_NAME).unlink(missing_ok=True)
    return tag

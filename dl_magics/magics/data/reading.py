"""Shows how many files of a data set were read, and disappears at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.display.progress_lines import LinePace
from dl_magics.magics.display.updatable import UpdatableDisplay, find_mode

Progress = Callable[[int, int], None]

_SECONDS_BETWEEN = 0.25


@contextmanager
def show_reading(shell: Any) -> Iterator[Progress]:
    """Yield a function that is called with the files that were read, and of all."""
    shown = UpdatableDisplay(shell) if find_mode(shell) != "append" else None
    lines, due = LinePace(), time.monotonic() + _SECONDS_BETWEEN

    def progress(done: int, total: int) -> None:
        nonlocal due
        text = f"Reading: {done:,} of {total:,} files"
        if shown and time.monotonic() >= due:
            due = time.monotonic() + _SECONDS_BETWEEN
            shown.show(build_bundle(text))
        elif not shown and lines.is_due():
            lines.begin()
            print(text, flush=True)

    try:
        yield progress
    finally:
        if shown:
            shown.remove()

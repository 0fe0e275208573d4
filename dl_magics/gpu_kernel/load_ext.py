"""`%load_ext dl_magics` in a cell for the GPU kernel: the magics are the notebook kernel's."""

from __future__ import annotations

import re

_LINE = re.compile(r"^([ \t]*)%(?:re)?load_ext[ \t]+dl_magics[ \t]*$", re.MULTILINE)


def replace_load_ext(code: str, host: str) -> str:
    """Return the code with a line that prints where it runs in place of `%load_ext dl_magics`."""
    sentence = (
        f"This runs on {host}, where dl_magics is not loaded: its magics work in a notebook whose "
        "kernel runs on your computer."
    )
    return _LINE.sub(lambda found: f"{found[1]}print({sentence!r})", code)

"""The scripts and styles of the widgets; each widget has those that all share in front of its own.

anywidget gives the browser one text per widget, which can import nothing from beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent / "browser"
_IMPORT = re.compile(r"^import \{[^}]*\} from '\./base\.js';\n", re.MULTILINE)


def load_script(name: str) -> str:
    """Return the script of a widget with what it imports from `base.js`."""
    return _read("base.js") + _IMPORT.sub("", _read(name))


def load_style(name: str) -> str:
    """Return the style of a widget after the one that all share."""
    return _read("base.css") + _read(name)


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")

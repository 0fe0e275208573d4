"""The scripts and styles of the widgets.

anywidget gives the browser one text per widget, which can import nothing from beside it: what a
script imports stands in front of it.
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent / "browser"
_IMPORT = re.compile(r"^import \{[^}]*\} from '\./(\w+\.js)';\n", re.MULTILINE)


def load_script(name: str) -> str:
    """Return the script of a widget after the scripts that it imports, each of them once."""
    scripts: dict[str, str] = {}

    def add(each: str) -> None:
        text = _read(each)
        for imported in _IMPORT.findall(text):
            if imported not in scripts:
                add(imported)
        scripts[each] = _IMPORT.sub("", text)

    add(name)
    return "".join(scripts.values())


def load_style(name: str) -> str:
    """Return the style of a widget after the one that all share."""
    return _read("base.css") + _read(name)


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")

"""The overview of the magics, made of their docstrings."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import pairwise
from typing import Any

from dl_magics.core import table
from dl_magics.errors import BadSetting
from dl_magics.magics.help.groups import HelpGroup
from dl_magics.text import wrap_html

_FEW = 3
_NEXT = "%NAME? shows all of the help of a magic · %dl_help WORD searches names and descriptions"
_EXAMPLES = re.compile(r"^ *::\n\n((?: +.*\n|\n)+)", re.MULTILINE)
# Columns where the page is wide, so that all magics are on one screen.
_PAGE = "columns: 2 400px; column-gap: 28px; line-height: 1.35"
_GROUP = "break-inside: avoid-column; margin: 0 0 10px"
_HEAD = "font-weight: 600; margin: 0 0 2px"
_NAME = "font-family: var(--jp-code-font-family, monospace); font-size: 0.95em; font-weight: 600"
_MAGIC = "padding-left: 1em; text-indent: -1em"
_CODE = "margin: 2px 0 6px 1em; text-indent: 0; white-space: pre-wrap"


@dataclass(frozen=True)
class MagicHelp:
    """What `%dl_help` shows of a magic; `name` has its percent signs: `%%gpu`."""

    name: str
    group: HelpGroup
    about: str
    examples: tuple[str, ...]

    def has(self, words: str) -> bool:
        """Whether each of the words is in its name or its description."""
        shown = f"{self.name} {self.about}".lower()
        return all(word in shown for word in words.lower().split())


@dataclass(frozen=True)
class Overview:
    """Magics by group, as text or HTML; a few are shown with their examples."""

    magics: tuple[MagicHelp, ...]

    def __repr__(self) -> str:
        width = max(len(each.name) for each in self.magics) + 2
        lines: list[str] = []
        for group, magics in self._groups():
            rows = [(f"  {each.name}".ljust(width), each.about) for each in magics]
            title, *shown = table.format_text(group.value, ("", ""), rows).split("\n")
            lines += [title, *shown[1:]]
            if len(self.magics) <= _FEW:
                lines += _indent(magics)
        return "\n".join([*lines, _NEXT])

    def _repr_html_(self) -> str:
        opened = " open" if len(self.magics) <= _FEW else ""
        groups = "".join(
            f'<div style="{_GROUP}"><div style="{_HEAD}">{escape(group.value)}</div>'
            + "".join(map(partial(_format_magic, opened=opened), magics))
            + "</div>"
            for group, magics in self._groups()
        )
        return wrap_html(f'<div style="{_PAGE}">{groups}</div><small>{escape(_NEXT)}</small>')

    def _groups(self) -> Iterator[tuple[HelpGroup, list[MagicHelp]]]:
        for group in HelpGroup:
            if magics := [each for each in self.magics if each.group is group]:
                yield group, magics


def list_magics() -> tuple[MagicHelp, ...]:
    """Return all magics in the order in which they are registered."""
    from dl_magics import magics

    found: dict[str, MagicHelp] = {}
    for each in magics.ALL:
        for kind, sign in (("cell", "%%"), ("line", "%")):
            for name, method in each.magics[kind].items():
                function = getattr(each, method)
                found.setdefault(name, describe_magic(f"{sign}{name}", function))
    return tuple(found.values())


def find_magics(words: str) -> Overview:
    """Return the magics that have these words in name or description.

    Raises BadSetting where there are none.
    """
    listed = list_magics()
    found = tuple(each for each in listed if each.has(words))
    if not found:
        names = [each.name.lstrip("%") for each in listed]
        near = difflib.get_close_matches(words.lower(), names, 1, 0.5)
        nearest = f"The nearest name: %{near[0]}?" if near else "List all magics: %dl_help"
        raise BadSetting(f"No magic has {words!r} in its name or description.", fix=nearest)
    return Overview(found)


def describe_magic(name: str, function: Any) -> MagicHelp:
    """Return the help of a magic by its docstring."""
    text = inspect.cleandoc(function.help_text) + "\n"
    examples = tuple(
        example
        for block in _EXAMPLES.findall(text)
        for example in _split_examples(inspect.cleandoc(block))
    )
    return MagicHelp(name, function.help_group, text.partition("\n")[0], examples)


def _split_examples(block: str) -> list[str]:
    """Return the examples of a block; each starts with a magic at the start of a line."""
    starts = [found.start() for found in re.finditer(r"^(?:\w+ = )?%", block, re.MULTILINE)]
    return [block[start:end].rstrip() for start, end in pairwise([*starts, len(block)])]


def _indent(magics: list[MagicHelp]) -> list[str]:
    return [
        f"      {line}"
        for each in magics
        for example in each.examples
        for line in example.split("\n")
    ]


def _format_magic(magic: MagicHelp, opened: str) -> str:
    code = escape("\n".join(magic.examples))
    return (
        f'<details{opened} style="{_MAGIC}"><summary>'
        f'<span style="{_NAME}">{escape(magic.name)}</span> {escape(magic.about)}</summary>'
        f'<pre style="{_CODE}">{code}</pre></details>'
    )

"""How an instance or another host is named in a line that is typed, or copied into a cell.

IPython evaluates {…} and $… of such a line, and a line break begins code: others may set names.
"""

from __future__ import annotations

import re
import shlex

from dl_magics.core.instance import is_instance_id

_PLAIN = re.compile(r"[\w.][\w.-]*", re.ASCII)
_EVALUATED = frozenset("{}$")


def quote_name(name: str, id_: str = "") -> str:
    """Return a name where it is plain, else the id; without an id, the name in quotes.

    It is `NAME`, for the reader to replace, where no quotes keep a line from being evaluated. The
    name of one instance that is the id of another does not name it either.
    """
    if _PLAIN.fullmatch(name) and not (id_ and is_instance_id(name)):
        return name
    word = id_ or name
    if not word.isprintable() or word.startswith("-") or _EVALUATED & set(word):
        return "NAME"
    return shlex.quote(word)

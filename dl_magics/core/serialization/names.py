"""Names of variables that are sent or fetched."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dl_magics.errors import BadValue

# IPython finds its history, itself and the way out by these names.
_IPYTHON = re.compile(
    r"In|Out|get_ipython|exit|quit|_{1,3}|_i{1,3}|_[iod]h|_i?\d+|__\w+__|_exit_code", re.ASCII
)


def parse_names(listed: str) -> list[str]:
    """Return the names of a list such as `x,y`.

    Raises
    ------
    BadValue
        for what is no name, or one that IPython needs in both kernels.
    """
    names = [name for name in listed.replace(",", " ").split() if name]
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise BadValue(
                f"{name!r} is not the name of a variable.", fix="Give names: -i x,y -o z"
            )
        if _IPYTHON.fullmatch(name):
            raise BadValue(
                f"{name} belongs to IPython in each kernel and is neither sent nor fetched.",
                fix=f"Assign it to another name first: value = {name}",
            )
    return names


def select_values(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return {name: value} of these names; raise BadValue if one is not defined."""
    missing = [name for name in names if name not in namespace]
    if missing:
        raise BadValue(
            f"{', '.join(missing)} is not defined.",
            fix="Define it first: in this cell, or in one that ran before it.",
        )
    return {name: namespace[name] for name in names}

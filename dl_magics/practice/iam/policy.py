"""Whether the policies of a role allow an action, by "Policy evaluation logic" of the IAM guide.

A condition is not evaluated: an Allow that has one allows nothing, a Deny denies all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

Verdict = Literal["allow", "deny", "none"]


def evaluate_policies(documents: Iterable[str], action: str, resource: str) -> Verdict:
    """Return what the policies say: a Deny wins, and without an Allow there is "none"."""
    effects = {
        statement.get("Effect")
        for document in documents
        for statement in _list(json.loads(document).get("Statement", []))
        if _applies(statement, action, resource)
    }
    return "deny" if "Deny" in effects else "allow" if "Allow" in effects else "none"


def _applies(statement: dict[str, Any], action: str, resource: str) -> bool:
    if statement.get("Condition") and statement.get("Effect") == "Allow":
        return False
    if "NotAction" in statement:
        is_action = not _matches(statement["NotAction"], action, re.IGNORECASE)
    else:
        is_action = _matches(statement.get("Action", []), action, re.IGNORECASE)
    if "NotResource" in statement:
        return is_action and not _matches(statement["NotResource"], resource)
    return is_action and _matches(statement.get("Resource", []), resource)


def _matches(patterns: str | list[str], value: str, flags: int = 0) -> bool:
    return any(re.fullmatch(_translate(each), value, flags | re.DOTALL) for each in _list(patterns))


def _translate(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

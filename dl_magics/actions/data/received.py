"""Read what a check returned; what a host sends is checked by type, size and allowed names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dl_magics.core.picture import read_picture
from dl_magics.data.quality.findings import KINDS, Findings, Item, sort_findings
from dl_magics.errors import NoAnswer

_LONGEST = 4096


def read_findings(sent: Any) -> Findings:
    """Return the findings in the JSON values of a host.

    Raises
    ------
    NoAnswer
        where they are not what `check_folder` returns.
    """
    try:
        found = {each["kind"]: list(map(_read_item, each["items"])) for each in sent["found"]}
        if not found.keys() <= KINDS.keys():
            raise ValueError(f"unknown kinds {sorted(found.keys() - KINDS.keys())}")
        return Findings(
            _read_text(sent["root"]),
            _read_count(sent["images"]),
            {_read_text(part): _read_counts(each) for part, each in sent["counts"].items()},
            sort_findings(found),
            _read_text(sent["note"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise invalid_answer(error) from error


def invalid_answer(error: object) -> NoAnswer:
    """Return the error for an answer that is not what was asked for."""
    return NoAnswer(
        f"The host sent an invalid answer: {error}.", fix="Run the same line again, or with --here."
    )


def _read_item(sent: Mapping[str, Any]) -> Item:
    return Item(
        _read_text(sent["path"]),
        _read_text(sent["detail"]),
        _read_text(sent["kept"]),
        read_picture(sent["picture"]),
        read_picture(sent["kept_picture"]),
    )


def _read_text(sent: Any) -> str:
    if not isinstance(sent, str) or len(sent) > _LONGEST:
        raise ValueError(f"{str(sent)[:40]!r} is not a short text")
    return sent


def _read_count(sent: Any) -> int:
    if type(sent) is not int or sent < 0:
        raise ValueError(f"{str(sent)[:40]!r} is not a number of files")
    return sent


def _read_counts(sent: Mapping[str, Any]) -> dict[str, int]:
    return {_read_text(name): _read_count(count) for name, count in sent.items()}

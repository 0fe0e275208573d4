"""The histories of all instances that were seen, kept in `instance_history.json`.

Each view of an instance that this computer gets from EC2 is added, in whichever process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.aws.pricing import known
from dl_magics.aws.session import AwsSession
from dl_magics.core.billing.history import Period, add_view
from dl_magics.core.instance import Instance
from dl_magics.core.known_fields import keep_known_fields
from dl_magics.errors import DLMagicsError
from dl_magics.store import atomic, lock, parsed_file, paths
from dl_magics.store.parsed_file import ParsedFile

FILE_NAME = "instance_history.json"
KEPT_DAYS = 400
# What only became longer is written at most so often.
_SECONDS_BETWEEN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The history of an instance that was seen in a `place`, a region of a profile.

    `account` is the id of the AWS account at an `endpoint`, "" where an earlier version saw it.
    """

    id: str
    name: str
    place: str
    region: str
    account: str = ""
    endpoint: str = ""
    history: tuple[Period, ...] = ()


def note(session: AwsSession, seen: Iterable[Instance]) -> None:
    """Add views of instances to their histories; a folder that cannot be written changes nothing.

    A bill that is not complete must never fail a start or a stop.
    """
    with suppress(DLMagicsError, OSError):
        views = [each for each in seen if _is_worth_writing(session, each)]
        if views:
            with lock.hold("usage"):
                before, is_whole = _read_file()
                if not is_whole:
                    parsed_file.copy_aside(paths.data_folder() / FILE_NAME)
                _write(_add_all(session, before, views))


def read_history(view: Instance) -> tuple[Period, ...]:
    """Return the history of an instance up to this view of it."""
    before: tuple[Period, ...] = ()
    with suppress(DLMagicsError, OSError):
        if known_one := _read().get(view.id):
            before = known_one.history
    return add_view(before, view)


def list_usage(session: AwsSession, *, everywhere: bool = False) -> list[Usage]:
    """Return what was seen in the account of a session, in its region or in all."""
    account = session.account_id
    return [
        each
        for each in _read().values()
        if (everywhere or each.region == session.region) and _is_of(each, session, account)
    ]


def _is_of(seen: Usage, session: AwsSession, account: str) -> bool:
    if seen.account:
        return (seen.account, seen.endpoint) == (account, known.name_endpoint(session))
    profile = known.name_place(session).removesuffix(str(session.region))
    return seen.place == profile + seen.region


def list_damaged() -> list[Path]:
    """Return earlier files that could not be read: what was seen until then is in them only."""
    return parsed_file.list_aside(paths.data_folder() / FILE_NAME)


def _is_worth_writing(session: AwsSession, view: Instance) -> bool:
    before = _read().get(view.id)
    if before is None:
        return not view.gone
    after = _add(session, before, view)
    if len(after.history) != len(before.history) or after.name != before.name:
        return True
    old, new = before.history[-1], after.history[-1]
    longer = new.ended_at - old.ended_at
    return longer > _SECONDS_BETWEEN or replace(new, ended_at=old.ended_at) != old


def _add_all(
    session: AwsSession, before: Mapping[str, Usage], views: Sequence[Instance]
) -> dict[str, Usage]:
    return {**before, **{each.id: _add(session, before.get(each.id), each) for each in views}}


def _add(session: AwsSession, before: Usage | None, view: Instance) -> Usage:
    return Usage(
        id=view.id,
        name=view.name,
        place=known.name_place(session),
        region=str(session.region),
        account=view.owner,
        endpoint=known.name_endpoint(session),
        history=add_view(before.history if before else (), view),
    )


def _write(usages: Mapping[str, Usage]) -> None:
    oldest = time.time() - KEPT_DAYS * 86_400
    kept = [
        asdict(each)
        for each in usages.values()
        if each.history and each.history[-1].ended_at > oldest
    ]
    atomic.replace(paths.data_folder() / FILE_NAME, json.dumps(kept))


def _read() -> dict[str, Usage]:
    return _read_file()[0]


def _read_file() -> tuple[dict[str, Usage], bool]:
    """Return what can be read of the file, and whether that is all of it."""
    return _file.read(paths.data_folder() / FILE_NAME) or ({}, True)


def _parse(content: bytes) -> tuple[dict[str, Usage], bool]:
    found, is_whole = {}, True
    try:
        for each in json.loads(content):
            try:
                found[each["id"]] = _make_usage(each)
            except (ValueError, TypeError, KeyError):
                is_whole = False
    except (ValueError, TypeError):
        is_whole = False
    return found, is_whole


def _make_usage(values: dict[str, Any]) -> Usage:
    history = tuple(Period.from_json(each) for each in values["history"])
    return Usage(**{**keep_known_fields(Usage, values), "history": history})


_file = ParsedFile(_parse)

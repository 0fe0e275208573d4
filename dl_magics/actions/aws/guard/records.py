"""What this computer knows of the guards: their limits, and when each instance was last active.

Kept in `guards.json`. With it the Jupyter server stops an instance whose guard has failed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.core.known_fields import keep_known_fields
from dl_magics.errors import DLMagicsError
from dl_magics.guard.service.decision import ACTIVE, IDLE
from dl_magics.guard.status import GuardStatus
from dl_magics.store import atomic, lock, parsed_file, paths
from dl_magics.store.parsed_file import ParsedFile

FILE_NAME = "guards.json"
_KEPT_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRecord:
    """The guard of an instance as of the last contact with it; times are seconds since the epoch.

    Parameters
    ----------
    idle_seconds, max_seconds, until
        Its limits, as in `GuardLimits`.
    kept_until
        Until when the person keeps the instance; 0 if they do not.
    active_at
        When there last was work by what the guard said; 0 if it has said nothing yet.
    heard_at
        The time of the last contact.
    """

    idle_seconds: float | None
    max_seconds: float | None = None
    until: float | None = None
    kept_until: float = 0.0
    active_at: float = 0.0
    heard_at: float = 0.0


def note_limits(instance_id: str, limits: GuardLimits) -> None:
    """Record the limits that the guard of a new instance is given."""
    record = GuardRecord(
        idle_seconds=limits.idle_seconds,
        max_seconds=limits.max_seconds,
        until=limits.until,
        heard_at=time.time(),
    )
    _change(instance_id, record)


def note_status(instance_id: str, status: GuardStatus) -> None:
    """Note what a guard has said."""
    now, settings = time.time(), status.settings
    before = read_record(instance_id)
    known = before.active_at if before else 0.0
    record = GuardRecord(
        idle_seconds=settings.idle_seconds,
        max_seconds=settings.max_seconds,
        until=settings.until_epoch,
        kept_until=now + status.kept_left if status.kept_left else 0.0,
        active_at=max(known, _find_last_work(status, now)),
        heard_at=now,
    )
    _change(instance_id, record)


def forget(instance_id: str) -> None:
    """Forget an instance that was terminated."""
    if read_record(instance_id):
        _change(instance_id, None)


def read_record(instance_id: str) -> GuardRecord | None:
    """Return what is known of the guard of an instance; None if dl_magics gave it none."""
    return read_records().get(instance_id)


def read_records() -> Mapping[str, GuardRecord]:
    """Return what is known of all guards, by the id of the instance."""
    return _read_file()[0]


def _find_last_work(status: GuardStatus, now: float) -> float:
    looked_at = now - (status.age or 0.0)
    if status.state == ACTIVE:
        return looked_at
    idle, left = status.settings.idle_seconds, status.seconds_left
    if status.state == IDLE and idle is not None and left is not None and left <= idle:
        return looked_at - (idle - left)
    return 0.0


def _change(instance_id: str, record: GuardRecord | None) -> None:
    # A folder that cannot be written must never fail a launch or a stop.
    with suppress(DLMagicsError, OSError), lock.hold("guards"):
        oldest = time.time() - _KEPT_DAYS * 86_400
        before, is_whole = _read_file()
        if not is_whole:
            parsed_file.copy_aside(paths.data_folder() / FILE_NAME)
        others = {
            id_: each
            for id_, each in before.items()
            if id_ != instance_id and each.heard_at > oldest
        }
        kept = {**others, instance_id: record} if record else others
        text = json.dumps({id_: asdict(each) for id_, each in kept.items()})
        atomic.replace(paths.data_folder() / FILE_NAME, text)


def _read_file() -> tuple[dict[str, GuardRecord], bool]:
    """Return what can be read of the file, and whether that is all of it."""
    return _file.read(paths.data_folder() / FILE_NAME) or ({}, True)


def _parse(content: bytes) -> tuple[dict[str, GuardRecord], bool]:
    found, is_whole = {}, True
    try:
        for id_, values in json.loads(content).items():
            try:
                found[id_] = _make(values)
            except (TypeError, AttributeError):
                is_whole = False
    except (ValueError, AttributeError):
        is_whole = False
    return found, is_whole


def _make(values: dict[str, Any]) -> GuardRecord:
    record = GuardRecord(**keep_known_fields(GuardRecord, values))
    numbers = [each for each in asdict(record).values() if each is not None]
    if not all(isinstance(each, (int, float)) for each in numbers):
        raise TypeError(f"{FILE_NAME} has other values than numbers")
    return record


_file = ParsedFile(_parse)

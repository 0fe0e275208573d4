"""The prices that AWS listed last, kept in our folder: a later kernel need not ask again."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from dl_magics.core.money import Price
from dl_magics.store import atomic, lock, paths

FILE_NAME = "prices.json"
SOURCE, SPOT_SOURCE = "AWS price list", "spot price"
KEPT_DAYS = 90


def read_place(place: str) -> dict[str, Price]:
    """Return the prices of a place, a region of a profile, by their names."""
    return {
        what: Price(dollars, day, SPOT_SOURCE if what.startswith("spot ") else SOURCE)
        for what, (dollars, day) in _read().get(place, {}).items()
    }


def keep(place: str, what: str, dollars: float) -> None:
    """Keep a price as listed today; drop those of more than `KEPT_DAYS` days ago."""
    oldest = (date.today() - timedelta(days=KEPT_DAYS)).isoformat()
    with lock.hold("prices"):
        known = {
            where: {name: price for name, price in prices.items() if price[1] > oldest}
            for where, prices in _read().items()
        }
        known[place] = {**known.get(place, {}), what: (dollars, date.today().isoformat())}
        atomic.replace(_path(), json.dumps(known, indent=1))


def _path() -> Path:
    return paths.data_folder() / FILE_NAME


def _read() -> dict[str, dict[str, tuple[float, str]]]:
    path = _path()
    try:
        found = path.stat()
        # The clock of a file system is coarse, but each version is another file.
        return _parse(path, (found.st_ino, found.st_size, found.st_mtime_ns))
    except FileNotFoundError:
        return {}


@lru_cache(maxsize=1)
def _parse(path: Path, version: tuple[int, ...]) -> dict[str, dict[str, tuple[float, str]]]:  # noqa: ARG001
    """Return the content of the file; what is damaged is listed by AWS again."""
    try:
        return {
            str(place): {
                str(what): (float(dollars), date.fromisoformat(day).isoformat())
                for what, (dollars, day) in prices.items()
            }
            for place, prices in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}

"""The prices that AWS listed last, kept in our folder: a later kernel need not ask again."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

from dl_magics.core.money import Price
from dl_magics.store import atomic, lock, paths
from dl_magics.store.parsed_file import ParsedFile

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
    return _file.read(_path()) or {}


def _parse(content: bytes) -> dict[str, dict[str, tuple[float, str]]]:
    """Return the content of the file; what is damaged is listed by AWS again."""
    try:
        return {
            str(place): {
                str(what): (float(dollars), date.fromisoformat(day).isoformat())
                for what, (dollars, day) in prices.items()
            }
            for place, prices in json.loads(content).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


_file = ParsedFile(_parse)

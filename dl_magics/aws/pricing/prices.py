"""Prices, each with its day: as AWS listed it last, else from the bundled table.

AWS is asked in the background. Only who asks for money waits for the answer, and not for long; what
stops or deletes something takes the price that is known.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Iterable
from datetime import date

from dl_magics.aws.pricing import known, price_cache, price_list_api, spot
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.money import Price
from dl_magics.errors import DLMagicsError

_WAIT_SECONDS = 3.0
_RETRY_SECONDS = 600.0
_SPOT_SECONDS = 600.0

_asked: dict[tuple[str, str], threading.Thread] = {}
_failed_at: dict[tuple[str, str], float] = {}
_answered_at: dict[tuple[str, str], float] = {}
_lock = threading.Lock()
_at_once = threading.Semaphore(8)


def describe_address(session: AwsSession) -> str:
    """Return what the public IPv4 address of an instance costs while it runs."""
    address = known.read_known(session).of_address
    return f"public IPv4, {money.describe_price(address)}"


def read_price(session: AwsSession, type_: str) -> Price | None:
    """Return the on-demand price of an hour; ask AWS, but wait only some seconds."""
    wait_for(refresh(session, [type_]))
    return known.read_known(session).of_type(type_)


def wait_for(asked: Iterable[threading.Thread]) -> None:
    """Wait for prices that were asked for, some seconds at most."""
    deadline = time.monotonic() + _WAIT_SECONDS
    for thread in asked:
        thread.join(max(0.0, deadline - time.monotonic()))


def refresh(session: AwsSession, types: Collection[str]) -> list[threading.Thread]:
    """Ask AWS in the background for prices that were not listed today; return the threads.

    The price of a disk is asked, too.
    """
    if not price_list_api.is_available(session):
        return []
    wanted = {*types, known.disk_name(known.DISK_TYPE)} if types else ()
    return [thread for each in sorted(wanted) if (thread := _ask(session, each))]


def read_costs(session: AwsSession, instances: list[Instance]) -> list[Instance]:
    """Return the instances with the costs that are known; ask for the others in the background.

    Only the spot price of a spot instance is waited for, some seconds: no table has it.
    """
    spots = {known.spot_name(each.type, each.zone) for each in instances if each.spot}
    refresh(session, {each.type for each in instances if not (each.spot or each.gone)})
    wait_for([thread for each in sorted(spots) if (thread := _ask(session, each))])
    now = known.read_known(session)
    return [known.add_costs(now, each) for each in instances]


def _ask(session: AwsSession, what: str) -> threading.Thread | None:
    key = known.name_place(session), what
    with _lock:
        listed = price_cache.read_place(key[0]).get(what)
        failed_at = _failed_at.get(key)
        if listed and listed.day == date.today().isoformat() and not _is_outdated(key):
            return None
        if failed_at is not None and time.monotonic() - failed_at < _RETRY_SECONDS:
            return None
        thread = _asked.get(key)
        if thread is None:
            # A daemon: a price list that does not answer must not keep a kernel from ending.
            thread = threading.Thread(target=_query, args=(session, *key), daemon=True)
            _asked[key] = thread
            thread.start()
        return thread


def _is_outdated(key: tuple[str, str]) -> bool:
    """Return whether a spot price of today is asked for again: it changes within hours."""
    known_since = time.monotonic() - _answered_at.get(key, -math.inf)
    return key[1].startswith(known.SPOT) and known_since > _SPOT_SECONDS


def _query(session: AwsSession, place: str, what: str) -> None:
    try:
        with _at_once:
            dollars = _query_dollars(session, what)
        if dollars is not None:
            price_cache.keep(place, what, dollars)
    except (DLMagicsError, OSError):
        # What cannot be asked or kept is taken from the table, which shows its day.
        dollars = None
    with _lock:
        at = _failed_at if dollars is None else _answered_at
        at[place, what] = time.monotonic()
        _asked.pop((place, what), None)


def _query_dollars(session: AwsSession, what: str) -> float | None:
    kind, _, rest = what.partition(" ")
    if kind == "disk":
        return price_list_api.query_disk(session, rest)
    if kind == "spot":
        type_, zone = rest.split()
        price = spot.read_spot_prices(session, [type_], zone).get(type_)
        return price.dollars if price else None
    return price_list_api.query_instance(session, what)

"""Prices, each with its day: as AWS listed it last, else from the bundled table.

AWS is asked in the background. Only who asks for money waits for the answer, and not for long; what
stops or deletes something takes the price that is known.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from dl_magics.aws.pricing import price_cache, price_list_api, table
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.money import Price
from dl_magics.errors import DLMagicsError

_WAIT_SECONDS = 3.0
_RETRY_SECONDS = 600.0
_DISK = "disk "
DISK_TYPE = "gp3"
"""The type of the disks that dl_magics creates."""

_asked: dict[tuple[str, str], threading.Thread] = {}
_failed_at: dict[tuple[str, str], float] = {}
_lock = threading.Lock()


def known_price(session: AwsSession, type_: str) -> Price | None:
    """Return the on-demand price of an hour as far as it is known; ask nothing."""
    listed = price_cache.find(_place(session), type_)
    return listed or table.instance_price(type_, session.region)


def known_disk_price(session: AwsSession, volume_type: str = DISK_TYPE) -> Price | None:
    """Return the price of a GiB and month as far as it is known; ask nothing."""
    listed = price_cache.find(_place(session), _DISK + volume_type)
    return listed or table.disk_price(volume_type, session.region)


def read_price(session: AwsSession, type_: str) -> Price | None:
    """Return the on-demand price of an hour; ask AWS, but wait only some seconds."""
    deadline = time.monotonic() + _WAIT_SECONDS
    for thread in refresh(session, [type_]):
        thread.join(max(0.0, deadline - time.monotonic()))
    return known_price(session, type_)


def refresh(session: AwsSession, types: Iterable[str]) -> list[threading.Thread]:
    """Ask AWS in the background for prices that were not listed today; return the threads.

    The price of a disk is asked, too.
    """
    if not price_list_api.is_available(session):
        return []
    wanted = {*types, _DISK + DISK_TYPE}
    return [thread for each in sorted(wanted) if (thread := _ask(session, each))]


def add_costs(session: AwsSession, instance: Instance, price: Price | None) -> Instance:
    """Return the instance with what an hour costs: its price and that of its public addresses."""
    address = table.address_price(session.region)
    if price is None or address is None:
        return replace(instance, dollars_per_hour=None, price_day="")
    dollars = price.dollars + instance.public_addresses * address.dollars
    return replace(instance, dollars_per_hour=dollars, price_day=price.day)


def elastic_per_month(session: AwsSession, count: int) -> float | None:
    """Return what Elastic IP addresses cost in a month, in use or not."""
    address = table.address_price(session.region)
    return None if address is None else count * address.dollars * money.HOURS_PER_MONTH


def _ask(session: AwsSession, what: str) -> threading.Thread | None:
    key = _place(session), what
    with _lock:
        listed = price_cache.find(*key)
        failed_at = _failed_at.get(key)
        if listed and listed.day == date.today().isoformat():
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


def _query(session: AwsSession, place: str, what: str) -> None:
    try:
        if what.startswith(_DISK):
            dollars = price_list_api.query_disk(session, what.removeprefix(_DISK))
        else:
            dollars = price_list_api.query_instance(session, what)
        if dollars is None:
            _failed_at[place, what] = time.monotonic()
        else:
            price_cache.keep(place, what, dollars)
    except DLMagicsError:
        _failed_at[place, what] = time.monotonic()
    finally:
        with _lock:
            _asked.pop((place, what), None)


def _place(session: AwsSession) -> str:
    """Return a name of the price list and the region that a session uses."""
    profile = session.profile
    own = profile.config_file or os.environ.get("AWS_ENDPOINT_URL", "")
    return " · ".join(each for each in (own, profile.name, session.region) if each)

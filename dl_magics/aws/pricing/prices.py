"""Prices, each with its day: as AWS listed it last, else from the bundled table.

AWS is asked in the background. Only who asks for money waits for the answer, and not for long; what
stops or deletes something takes the price that is known.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from dl_magics.aws.pricing import price_cache, price_list_api, spot, table
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.money import Price
from dl_magics.errors import DLMagicsError

_WAIT_SECONDS = 3.0
_RETRY_SECONDS = 600.0
DISK_TYPE = "gp3"
"""The type of the disks that dl_magics creates."""
_DISK, _SPOT = "disk", "spot"

_asked: dict[tuple[str, str], threading.Thread] = {}
_failed_at: dict[tuple[str, str], float] = {}
_lock = threading.Lock()
_at_once = threading.Semaphore(8)


def known_price(session: AwsSession, type_: str) -> Price | None:
    """Return the on-demand price of an hour as far as it is known; ask nothing."""
    listed = price_cache.find(_place(session), type_)
    return listed or table.instance_price(type_, session.region)


def known_spot_price(session: AwsSession, type_: str, zone: str) -> Price | None:
    """Return the spot price of an hour in a zone as it was read last; ask nothing."""
    return price_cache.find(_place(session), f"{_SPOT} {type_} {zone}")


def known_disk_price(session: AwsSession, volume_type: str = DISK_TYPE) -> Price | None:
    """Return the price of a GiB and month as far as it is known; ask nothing."""
    listed = price_cache.find(_place(session), f"{_DISK} {volume_type}")
    return listed or table.disk_price(volume_type, session.region)


def known_address_price(session: AwsSession) -> Price | None:
    """Return the price of a public IPv4 address for an hour; None if it is not in dollars."""
    return table.address_price(session.region)


def describe_address(session: AwsSession) -> str:
    """Return what the public IPv4 address of an instance costs while it runs."""
    address = known_address_price(session)
    return f"{money.format_per_hour(address.dollars if address else None)} for its IPv4 address"


def read_price(session: AwsSession, type_: str) -> Price | None:
    """Return the on-demand price of an hour; ask AWS, but wait only some seconds."""
    wait_for(refresh(session, [type_]))
    return known_price(session, type_)


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
    wanted = {*types, f"{_DISK} {DISK_TYPE}"} if types else ()
    return [thread for each in sorted(wanted) if (thread := _ask(session, each))]


def read_costs(session: AwsSession, instances: list[Instance]) -> list[Instance]:
    """Return the instances with the costs that are known; ask for the others in the background.

    Only the spot price of a spot instance is waited for, some seconds: no table has it.
    """
    spots = {
        f"{_SPOT} {each.type} {each.zone}" for each in instances if each.spot and not each.gone
    }
    refresh(session, {each.type for each in instances if not (each.spot or each.gone)})
    wait_for([thread for each in sorted(spots) if (thread := _ask(session, each))])
    return [add_costs(session, each) for each in instances]


def add_costs(session: AwsSession, instance: Instance) -> Instance:
    """Return the instance with what an hour and a month cost, as far as known; ask nothing.

    An hour costs its price and that of its public addresses. Its disks and Elastic IP addresses
    cost each month, also while it is stopped.
    """
    if instance.spot:
        price = known_spot_price(session, instance.type, instance.zone)
    else:
        price = known_price(session, instance.type)
    address = known_address_price(session)
    instance = replace(instance, disk_dollars=disks_per_month(session, instance.disks))
    if address is None:
        return replace(instance, dollars_per_hour=None, price_day="", elastic_dollars=None)
    hour = price.dollars + instance.public_addresses * address.dollars if price else None
    return replace(
        instance,
        dollars_per_hour=hour,
        price_day=price.day if price else "",
        elastic_dollars=instance.elastic_ips * address.dollars * money.HOURS_PER_MONTH,
    )


def disks_per_month(session: AwsSession, disks: Iterable[tuple[str, int]]) -> float | None:
    """Return what disks of these types and GiB cost in a month; None if a price is unknown."""
    known = [(known_disk_price(session, type_), gib) for type_, gib in disks]
    dollars = [price.dollars * gib for price, gib in known if price]
    return sum(dollars) if len(dollars) == len(known) else None


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
        with _at_once:
            dollars = _query_dollars(session, what)
        if dollars is not None:
            price_cache.keep(place, what, dollars)
    except DLMagicsError:
        dollars = None
    with _lock:
        if dollars is None:
            _failed_at[place, what] = time.monotonic()
        _asked.pop((place, what), None)


def _query_dollars(session: AwsSession, what: str) -> float | None:
    kind, _, rest = what.partition(" ")
    if kind == _DISK:
        return price_list_api.query_disk(session, rest)
    if kind == _SPOT:
        type_, zone = rest.split()
        price = spot.read_spot_prices(session, [type_], zone).get(type_)
        return price.dollars if price else None
    return price_list_api.query_instance(session, what)


def _place(session: AwsSession) -> str:
    """Return a name of the price list and the region that a session uses."""
    profile = session.profile
    own = profile.config_file or os.environ.get("AWS_ENDPOINT_URL", "")
    return " · ".join(each for each in (own, profile.name, session.region) if each)

"""What the account has in all its regions, which are read side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dl_magics.actions.aws.context import Context
from dl_magics.aws.pricing import prices
from dl_magics.core.instance import Instance, Instances
from dl_magics.errors import DLMagicsError

T = TypeVar("T")
_AT_ONCE = 16


def list_regions(context: Context) -> list[str]:
    """Return the regions that are enabled for the account."""
    return sorted(str(each["RegionName"]) for each in context.session.list_regions())


def read_each(
    context: Context, regions: list[str], read: Callable[[Context], T]
) -> tuple[dict[str, T], tuple[str, ...]]:
    """Return what `read` returns for each region, and each region that AWS refused, with why."""
    contexts = [context.in_region(region) for region in regions]

    def try_read(there: Context) -> T | DLMagicsError:
        try:
            return read(there)
        except DLMagicsError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as executor:
        answers = dict(zip(regions, executor.map(try_read, contexts), strict=True))
    read_ones = {
        region: answer
        for region, answer in answers.items()
        if not isinstance(answer, DLMagicsError)
    }
    refused = (region for region in regions if region not in read_ones)
    return read_ones, tuple(f"{region} ({answers[region]})" for region in refused)


def list_instances(context: Context) -> Instances:
    """Return the instances of all regions, with the costs that are known."""
    regions = list_regions(context)
    found, unread = read_each(context, regions, _list_priced)
    each = [instance for instances in found.values() for instance in instances]
    order = sorted(each, key=lambda one: (one.gone, one.zone, one.name, one.id))
    where = f"{context.profile.name}, all {len(regions)} regions"
    return Instances(where, tuple(order), context.selected_id, everywhere=True, unread=unread)


def _list_priced(context: Context) -> list[Instance]:
    return prices.read_costs(context.session, context.ec2.list_instances())

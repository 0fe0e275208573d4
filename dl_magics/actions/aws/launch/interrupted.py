"""What a launch that was interrupted has begun, by the ledger: AWS is not asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.launch import pending
from dl_magics.actions.aws.launch.plan import LaunchPlan
from dl_magics.core import money
from dl_magics.core.typed_name import quote_name
from dl_magics.store import ledger, lock


def count_entries() -> int:
    """Return how many entries the ledger has: those of a launch that begins now come after them."""
    return len(ledger.read_entries())


def has_created(instance_id: str, since: int) -> bool:
    """Return whether an instance was launched after `count_entries` returned `since`."""
    created = {"did": "created", "what": "instance", "id": instance_id}
    return any(created.items() <= entry.items() for entry in ledger.read_entries()[since:])


def describe_launch(
    context: Context, plans: Sequence[LaunchPlan], since: int, *, crew: str = ""
) -> tuple[str, str]:
    """Return in two lines what a launch of these plans has created, and what to type.

    `since` is what `count_entries` returned before it; `crew` is the name of a crew. A request that
    was not sent is forgotten.
    """
    _forget_unsent(context)
    created, unanswered = _read_created(context, since)
    launched = [each for each in plans if each.name in created]
    doubtful = [each for each in plans if each.name == unanswered]
    if not launched and not doubtful:
        return "Interrupted before AWS was asked: nothing was launched.", "The same line goes on."
    parts = []
    if launched:
        named = ", ".join(f"{each.name} ({created[each.name]})" for each in launched)
        was, costs = ("was", "costs") if len(launched) == 1 else ("were", "cost")
        parts.append(f"{named} {was} launched and {costs} {_format_price(launched)}")
    parts += [
        f"{each.name} may have been launched, and costs {_format_price([each])} then"
        for each in doubtful
    ]
    if crew:
        stops = f"--crew {quote_name(crew)} stops them"
    else:
        name = plans[0].name
        stops = f"{quote_name(name, created.get(name, ''))} stops it"
    shows = "%aws_list shows it · " if doubtful else ""
    return f"{'; '.join(parts)}.", f"{shows}%aws_stop {stops} · the same line goes on"


def _forget_unsent(context: Context) -> None:
    # Another kernel that launches now is about to send its own.
    if lock.is_held(pending.LOCK):
        return
    token = pending.find_token(context)
    if token and not any(each.get("token") == token for each in ledger.read_entries()):
        pending.settle(context, token)


def _read_created(context: Context, since: int) -> tuple[dict[str, str], str]:
    """Return the ids of the instances that were created, by name, and the name in doubt or ""."""
    created: dict[str, str] = {}
    asked: dict[str, Any] = {}
    for entry in ledger.read_entries()[since:]:
        match entry:
            case {"did": "creating", "what": "instance"}:
                asked = entry
            case {"did": "created", "what": "instance", "id": id_} if asked:
                created[str(asked.get("name"))] = str(id_)
                asked = {}
    # AWS has refused a request that is not repeated.
    is_open = asked and asked.get("token") == pending.find_token(context)
    return created, str(asked.get("name")) if is_open else ""


def _format_price(plans: Sequence[LaunchPlan]) -> str:
    prices = [each.dollars_per_hour for each in plans]
    known = [each for each in prices if each is not None]
    return (
        "money (price unknown)" if len(known) < len(prices) else money.format_per_hour(sum(known))
    )

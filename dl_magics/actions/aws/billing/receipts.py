"""The receipt of an instance that was stopped."""

from __future__ import annotations

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.aws.billing import usage
from dl_magics.core.billing import receipt
from dl_magics.core.billing.history import add_view
from dl_magics.core.billing.receipt import Receipt
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.guard import client
from dl_magics.ssh import blocking

_WAIT_SECONDS = 5.0


def read_busy_seconds(context: Context, instance: Instance) -> float | None:
    """Return how long the GPUs of a running instance have computed since its start.

    None where its guard does not answer soon: a stop does not wait for it.
    """
    if instance.state != "running":
        return None
    try:
        reading = blocking.start_task(client.read_status(access.resolve_target(context, instance)))
    except DLMagicsError:
        return None
    try:
        status = reading.result(timeout=_WAIT_SECONDS)
    except (DLMagicsError, TimeoutError):
        reading.cancel()
        return None
    used = status.usage if status else None
    return used.busy_seconds if used and used.has_gpu else None


def make_receipt(*views: Instance, busy_seconds: float | None = None) -> Receipt:
    """Return what the last start of an instance cost; the last of its views is of its stop."""
    first, *later = views
    history = usage.read_history(first)
    for view in later:
        history = add_view(history, view)
    return receipt.make_receipt(history, views[-1], busy_seconds)

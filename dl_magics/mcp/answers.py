"""What the tools answer: chosen values of the actions, without addresses, keys and credentials.

Names of instances and of runs are written by other people, too: control characters are escaped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dl_magics.actions.aws import context, instances
from dl_magics.actions.aws.billing import bill
from dl_magics.actions.aws.context import Context
from dl_magics.actions.features.clearing import list_storage
from dl_magics.actions.runs import overview
from dl_magics.core.billing.cost import month_start
from dl_magics.core.instance import Instance
from dl_magics.runs.record import RunRecord
from dl_magics.text import escape_controls

MOST_RUNS = 100
_DAY = 86_400


def describe_instances() -> dict[str, Any]:
    """Return the instances of the selected profile and region: state, price, running since."""
    current = _load()
    listed = instances.list_instances(current)
    return {
        "account": escape_controls(current.profile_and_region),
        "instances": [_describe_instance(each) for each in listed if not each.gone],
    }


def describe_costs() -> dict[str, Any]:
    """Return what was spent since midnight UTC and this month, and what costs money now."""
    current = _load()
    bills = {name: bill.make_bill(current, begin=at) for name, at in _beginnings().items()}
    month = bills["this_month"]
    running = [each for each in instances.list_instances(current) if each.costs_money]
    return {
        "account": escape_controls(month.where),
        "dollars": {name: _round(each.dollars) for name, each in bills.items()},
        "running": [_describe_instance(each) for each in running],
        "dollars_per_hour": _add(each.dollars_per_hour for each in running),
        "stopped_disks_dollars_per_month": _add(
            each.dollars_per_month for each in month.each if each.since_start is None
        ),
        "notes": [escape_controls(note) for note in month.notes],
    }


def describe_runs(most: int) -> dict[str, Any]:
    """Return the newest runs of this computer, newest first."""
    folders = overview.list_folders(min(max(most, 1), MOST_RUNS))
    return {"runs": [_describe_run(overview.summarize(RunRecord(each))) for each in folders]}


def describe_run(name: str) -> dict[str, Any]:
    """Return one run with its epochs; without a name, the newest one."""
    newest = overview.list_folders(1)
    folder = newest[0] if not name and newest else overview.find_folder(name)
    record = RunRecord(folder)
    described = _describe_run(overview.summarize(record))
    epochs = [{"epoch": each["epoch"], **each["logs"]} for each in record.state.epochs]
    return {**described, "epochs": epochs}


def describe_storage() -> dict[str, Any]:
    """Return what features, runs and weights occupy on this computer, in bytes."""
    (occupied,) = list_storage(there=False).places
    return {
        "features": [
            {"of": escape_controls(each.subject), "bytes": each.size} for each in occupied.spaces
        ],
        "features_bytes": sum(each.size for each in occupied.spaces),
        "runs_bytes": sum(each.size for each in occupied.runs),
        "weights_bytes": occupied.weights,
        "free_bytes": occupied.free,
    }


def _load() -> Context:
    # A selection that is out of date stays as it is: a look changes nothing.
    return context.load(remembers=False)


def _beginnings() -> dict[str, int]:
    now = time.time()
    return {"today": int(now - now % _DAY), "this_month": month_start(now)}


def _describe_instance(instance: Instance) -> dict[str, Any]:
    since = datetime.fromtimestamp(instance.launched_at, UTC) if instance.costs_money else None
    return {
        "name": escape_controls(instance.name),
        "id": instance.id,
        "type": instance.type,
        "gpu": instance.gpu,
        "state": instance.state,
        "spot": instance.spot,
        "running_since": since.isoformat(timespec="seconds") if since else None,
        "dollars_per_hour": instance.dollars_per_hour,
        "price_day": instance.price_day,
        "dollars_since_start": _round(instance.dollars),
        "disk_dollars_per_month": instance.dollars_per_month,
    }


def _describe_run(run: overview.RunSummary) -> dict[str, Any]:
    logs = (run.best or {}).get("logs", {})
    texts = ("name", "status", "headline", "model", "data", "host", "phase", "error", "fix")
    return {
        **{name: escape_controls(getattr(run, name)) for name in texts},
        "val_accuracy": logs.get("val_accuracy"),
        "best_epoch": (run.best or {}).get("epoch"),
        "seconds": round(run.seconds, 1),
        "seconds_left": round(run.seconds_left, 1),
        "dollars": _round(run.dollars),
        "budget": run.budget,
    }


def _add(dollars: Iterable[float | None]) -> float | None:
    known = list(dollars)
    return None if None in known else round(sum(each or 0.0 for each in known), 4)


def _round(dollars: Any) -> float | None:
    return None if dollars is None else round(float(dollars), 4)

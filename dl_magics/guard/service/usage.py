"""How much of its running time an instance used its GPUs, in a small file on the instance.

The guard adds each of its samples to the totals of this boot; the receipt reads them at the stop.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

FILE_NAME = "usage.json"
MAX_BOOTS = 50


@dataclass(frozen=True)
class Usage:
    """The totals of one boot.

    Parameters
    ----------
    boot
        The boot id of the machine.
    began
        When the guard took its first sample, in seconds since the epoch.
    seconds
        How long it has sampled; gaps do not count.
    busy_seconds
        The sum over this time of the utilization of the GPUs, from 0 to 1, averaged over all GPUs.
    has_gpu
        Whether there was a GPU.
    """

    boot: str
    began: float
    seconds: float = 0.0
    busy_seconds: float = 0.0
    has_gpu: bool = False

    @property
    def busy_share(self) -> float | None:
        """The GPU-busy share of the time, from 0 to 1; None without a GPU or a sample."""
        return self.busy_seconds / self.seconds if self.has_gpu and self.seconds else None

    def add_sample(self, seconds: float, utilization: float | None) -> Usage:
        """Return the totals with one more sample of the mean utilization, from 0 to 1."""
        if utilization is None:
            return self
        return replace(
            self,
            seconds=self.seconds + seconds,
            busy_seconds=self.busy_seconds + seconds * min(max(utilization, 0.0), 1.0),
            has_gpu=True,
        )


def parse_usages(text: str) -> list[Usage]:
    """Return the totals of each boot, the last one last; what is not valid is left out."""
    try:
        document = json.loads(text)
    except ValueError:
        return []
    listed = document if isinstance(document, list) else []
    return [usage for usage in map(parse_usage, listed) if usage]


def format_usages(usages: list[Usage]) -> str:
    """Return the content of the file; the oldest boots are left out."""
    return json.dumps([asdict(each) for each in usages[-MAX_BOOTS:]])


def parse_usage(each: Any) -> Usage | None:
    """Return the totals of one boot; None if they are not valid."""
    try:
        boot, has_gpu = str(each["boot"]), each["has_gpu"] is True
        began, seconds, busy = (float(each[name]) for name in ("began", "seconds", "busy_seconds"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    valid = all(math.isfinite(number) for number in (began, seconds, busy)) and 0 <= busy <= seconds
    return Usage(boot, began, seconds, busy, has_gpu) if valid else None

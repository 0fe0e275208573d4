"""A request to save a checkpoint now: a file in the folder of a run.

The guard of an instance writes it some minutes before it stops the instance, or as soon as AWS
gives notice that it takes a spot instance back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dl_magics.runs.events import Warned

FILE_NAME = "save-checkpoint"
SPOT_NOTICE = "spot_notice"
"""The code of the warning that AWS takes the instance back."""

_MAX_BYTES = 1000
_RESUME = "%finetune --resume continues it"
_SPOT = {
    "spot-stop": (
        SPOT_NOTICE,
        "AWS takes this spot instance back and stops it {when}: a checkpoint is saved, and its "
        "disk is kept.",
        f"When AWS has started it again, {_RESUME}; or on another instance.",
    ),
    "spot-terminate": (
        SPOT_NOTICE,
        "AWS takes this spot instance back and terminates it {when}: its disk is deleted.",
        f"{_RESUME} on another instance, from the checkpoint if it was copied here by then.",
    ),
    "spot-rebalance": (
        "spot_rebalance",
        "AWS says that it may soon take this spot instance back: a checkpoint is saved.",
        f"Nothing has to be done. If it is interrupted, {_RESUME}.",
    ),
}
_STOP = (
    "stop_ahead",
    "The guard stops this instance {when}: a checkpoint is saved.",
    f"%aws_safety shows why. After a start {_RESUME}.",
)


@dataclass(frozen=True, slots=True)
class CheckpointRequest:
    """Why a checkpoint is wanted, and when the instance ends, in seconds since the epoch.

    `at` is None if that is not known.
    """

    reason: str
    at: float | None

    def make_warning(self) -> Warned:
        """Return the event that says so."""
        code, text, fix = _SPOT.get(self.reason, _STOP)
        when = f"at {datetime.fromtimestamp(self.at, UTC):%H:%M:%S} UTC" if self.at else "soon"
        return Warned(code=code, text=text.format(when=when), fix=fix)


def take_request(folder: Path) -> CheckpointRequest | None:
    """Return what asked the run in this folder for a checkpoint, and forget it; None if nothing."""
    file = folder / FILE_NAME
    try:
        content = file.read_bytes()[:_MAX_BYTES]
        file.unlink()
    except (FileNotFoundError, PermissionError):
        # The guard opens it to the run once it is complete.
        return None
    try:
        values = json.loads(content)
        at = float(values["at"])
        datetime.fromtimestamp(at, UTC)
        return CheckpointRequest(str(values["reason"]), at)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return CheckpointRequest("", None)

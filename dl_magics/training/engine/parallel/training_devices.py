"""On how many devices the last layers of a network are trained, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dl_magics.runs.events import Warned
from dl_magics.training.engine.compute_settings import MAY_DIFFER
from dl_magics.training.engine.device import Device, format_devices

# Of fewer images a GPU computes not much faster, and after each batch the gradients are exchanged.
LEAST_IMAGES = 8


@dataclass(frozen=True)
class TrainingDevices:
    """The devices among which each batch of `batch_size` images is divided, of those `found`.

    `began` is the number of devices that a resumed run began with, if they were of the same kind.
    """

    found: Device
    batch_size: int
    began: int | None = None

    @property
    def count(self) -> int:
        """How many train: for the same numbers, never more than the run began with."""
        return count_devices(self.batch_size, min(self.found.count, self._began))

    @property
    def members(self) -> tuple[str, ...]:
        """Their names in Keras' backend, if they are several."""
        return self.found.members[: self.count] if self.count > 1 else ()

    def describe(self) -> Iterator[Warned]:
        """Yield why not all devices train, and whether they are fewer than before."""
        found, count, batch = self.found, self.count, self.batch_size
        before = count_devices(batch, self._began)
        if before != count:
            yield Warned(
                code="other_devices",
                text=f"The run began to train on {format_devices(found.name, before)} and "
                f"continues on {format_devices(found.name, count)}: each batch is divided "
                "differently.",
                fix=f"{MAY_DIFFER} On TensorFlow, dropout also draws other units.",
            )
        elif count < count_devices(batch, found.count):
            yield Warned(
                code="same_devices",
                text=f"{count} of {found} train the last layers, as before the interruption: the "
                "numbers stay the same.",
                fix="For all of them start a new run, which uses the features that are kept.",
            )
        elif count < found.count:
            # The next multiple, which has enough images for each.
            wanted = found.count * max(-(-batch // found.count), LEAST_IMAGES)
            yield Warned(
                code="some_devices",
                text=f"{count} of {found} train the last layers: each batch of {batch} images is "
                f"divided evenly, and at least {LEAST_IMAGES} go to each.",
                fix=f"Features are computed on all. To train on all: batch_size = {wanted}",
            )

    @property
    def _began(self) -> int:
        return self.found.count if self.began is None else self.began


def count_devices(batch_size: int, available: int) -> int:
    """Return the largest number of devices among which a batch is divided evenly."""
    for count in range(min(available, batch_size // LEAST_IMAGES), 1, -1):
        if batch_size % count == 0:
            return count
    return 1

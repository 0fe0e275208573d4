"""Images that are shared out in tasks: the time and the price on a number of equal instances."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Images to compute, in tasks of `task_images`.

    `serial` are the seconds of what is not shared out, the head and saving, while all instances are
    up.
    """

    images: int
    task_images: int = 1024
    serial: float = 0.0

    @property
    def tasks(self) -> int:
        """The number of tasks; the last one may be smaller."""
        return -(-self.images // self.task_images)

    def images_of(self, task: int) -> int:
        """Return the number of images of a task."""
        return min(self.task_images, self.images - task * self.task_images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Equal instances: images a second and dollars an hour of each, seconds until it computes.

    `feed` are the images a second that reach all of them together.
    """

    workers: int
    rate: float
    price: float
    start: float = 0.0
    feed: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What work on a fleet takes. `computed` counts images that were lost and computed again."""

    seconds: float
    dollars: float
    computed: int
    lost: int = 0


def share_images(images: int, workers: int) -> list[int]:
    """Return the images of each worker: all of them, in shares that differ by one at most."""
    each, more = divmod(images, workers)
    return [each + (worker < more) for worker in range(workers)]


def predict(work: Work, fleet: Fleet) -> Outcome:
    """Return what work takes if nothing is lost and all instances are equally fast.

    Each takes the next task when it has done one, and its images have arrived. All are paid to the
    end.
    """
    waves = -(-work.tasks // fleet.workers)
    largest = min(work.task_images, work.images)
    computing = max(waves * largest / fleet.rate, work.images / fleet.feed)
    seconds = fleet.start + computing + work.serial
    return Outcome(
        seconds=seconds, dollars=fleet.workers * seconds * fleet.price / 3600, computed=work.images
    )

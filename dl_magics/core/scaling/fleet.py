"""Images that are shared out in tasks: the time and the price on a number of equal instances."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Images to compute, in tasks of `task_images`.

    `serial` are the seconds that one instance takes for what is not shared out: head and saving.
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
    """Equal instances: images a second and dollars an hour of each, seconds until it computes."""

    workers: int
    rate: float
    price: float
    start: float = 0.0


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

    Each takes the next task when it has done one. Those that have none left are paid until the last
    task is done, and one of them for what is not shared out.
    """
    waves = -(-work.tasks // fleet.workers)
    largest = min(work.task_images, work.images)
    shared = fleet.start + waves * largest / fleet.rate
    return Outcome(
        seconds=shared + work.serial,
        dollars=(fleet.workers * shared + work.serial) * fleet.price / 3600,
        computed=work.images,
    )

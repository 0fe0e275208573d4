"""Simulate tasks on a fleet whose instances are unequally fast, and are taken away."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random

from dl_magics.core.scaling.fleet import Fleet, Outcome, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong.

    `losses` is how often an hour an instance is taken away, as a spot instance may be; another one
    replaces it after the start of the fleet. `spread` is the standard deviation of the logarithm of
    an instance's seconds for a task: with 0.2, one of forty takes half again as long.
    """

    losses: float = 0.0
    spread: float = 0.0


def simulate(work: Work, fleet: Fleet, trouble: Trouble, seed: int = 0) -> Outcome:
    """Return what work takes, task by task: one that is lost goes to the next free instance."""
    random = Random(seed)
    waiting = list(range(work.tasks - 1, -1, -1))
    # When each instance is free, its slowness, and when it is taken away.
    free = [_begin(fleet, trouble, random, worker, 0.0) for worker in range(fleet.workers)]
    heapq.heapify(free)
    running: list[tuple[float, int]] = []
    end, computed, lost = 0.0, 0, 0
    arrived = fleet.start
    while waiting or running:
        if not waiting:
            # What still runs may be lost, and is then to be done by an instance that waits.
            at, task = heapq.heappop(running)
            if task < 0:
                waiting.append(-task - 1)
                free = [(max(at, each[0]), *each[1:]) for each in free]
                heapq.heapify(free)
            continue
        now, worker, slowness, gone = heapq.heappop(free)
        while running and running[0][0] <= now:
            _, ended = heapq.heappop(running)
            if ended < 0:
                waiting.append(-ended - 1)
        task = waiting.pop()
        images = work.images_of(task)
        computed += images
        arrived += images / fleet.feed
        done = max(now + slowness * images / fleet.rate, arrived)
        if done > gone:
            lost += 1
            heapq.heappush(running, (gone, -task - 1))
            heapq.heappush(free, _begin(fleet, trouble, random, worker, gone))
        else:
            end = max(end, done)
            heapq.heappush(running, (done, task))
            heapq.heappush(free, (done, worker, slowness, gone))
    seconds = end + work.serial
    return Outcome(
        seconds=seconds,
        dollars=fleet.workers * seconds * fleet.price / 3600,
        computed=computed,
        lost=lost,
    )


def _begin(
    fleet: Fleet, trouble: Trouble, random: Random, worker: int, now: float
) -> tuple[float, int, float, float]:
    """Return an instance that is launched now: when it is free, and when it is taken away."""
    free = now + fleet.start
    # An instance is never faster than measured: a median above 1 would make the fleet slower.
    slowness = max(1.0, random.lognormvariate(0.0, trouble.spread))
    taken = random.expovariate(trouble.losses / 3600) if trouble.losses else float("inf")
    return free, worker, slowness, free + taken

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.core.scaling.fleet import Fleet, Work, predict
from dl_magics.core.scaling.simulation import Trouble, simulate

WORK = st.builds(
    Work,
    images=st.integers(1, 20_000),
    task_images=st.integers(64, 1024),
    serial=st.floats(0, 100),
)
WORKERS = st.integers(1, 20)


def fleet(workers, feed=inf):
    return Fleet(workers=workers, rate=10.0, price=0.5, start=60.0, feed=feed)


@given(WORK, WORKERS, st.sampled_from([inf, 5.0, 25.0, 1000.0]))
def test_without_trouble_the_simulation_is_the_prediction(work, workers, feed):
    simulated = simulate(work, fleet(workers, feed), Trouble())
    predicted = predict(work, fleet(workers, feed))

    assert simulated.computed == work.images
    # The last task may be smaller than the others.
    assert simulated.seconds <= predicted.seconds * (1 + 1e-9)
    assert simulated.seconds >= predicted.seconds - work.task_images / 10.0 - 1e-6


@settings(deadline=None)
@given(WORK, WORKERS, st.floats(0.01, 5), st.floats(0, 0.5), st.integers(0, 99))
def test_trouble_never_makes_less_work_and_every_lost_task_is_done_again(
    work, workers, losses, spread, seed
):
    calm = simulate(work, fleet(workers), Trouble(), seed)
    troubled = simulate(work, fleet(workers), Trouble(losses=losses, spread=spread), seed)

    assert troubled.seconds >= calm.seconds - work.task_images / 10.0 - 1e-6
    again = troubled.computed - work.images
    assert again >= 0
    assert (again == 0) == (troubled.lost == 0)
    assert again <= troubled.lost * work.task_images


@given(WORK, WORKERS, st.integers(0, 99))
def test_the_same_seed_gives_the_same_outcome(work, workers, seed):
    trouble = Trouble(losses=1.0, spread=0.2)

    assert simulate(work, fleet(workers), trouble, seed) == simulate(
        work, fleet(workers), trouble, seed
    )


def test_a_loss_in_the_last_tasks_is_seen():
    work = Work(images=1000, task_images=1000)

    outcomes = [simulate(work, fleet(2), Trouble(losses=30), seed) for seed in range(20)]

    assert any(each.lost for each in outcomes)
    assert all(each.seconds > 60 + 100 for each in outcomes if each.lost)
    assert min(each.seconds for each in outcomes) == pytest.approx(160)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core.scaling.fleet import Fleet, Work, predict, share_images

IMAGES = st.integers(1, 10**7)
WORKERS = st.integers(1, 200)


def fleet(workers, *, rate=100.0, price=1.0, start=90.0):
    return Fleet(workers=workers, rate=rate, price=price, start=start)


@given(IMAGES, WORKERS)
def test_the_shares_are_all_images_and_differ_by_one_at_most(images, workers):
    shares = share_images(images, workers)

    assert sum(shares) == images
    assert len(shares) == workers
    assert max(shares) - min(shares) <= 1


@given(IMAGES, st.integers(1, 5000))
def test_the_tasks_are_all_images(images, size):
    work = Work(images=images % 50_000 + 1, task_images=size)

    assert sum(map(work.images_of, range(work.tasks))) == work.images
    assert all(1 <= work.images_of(task) <= size for task in range(work.tasks))


@given(IMAGES, WORKERS, st.floats(0, 1e4))
def test_more_instances_never_take_longer_nor_cost_less_than_the_work_itself(
    images, workers, serial
):
    work = Work(images=images, serial=serial)

    few, more = predict(work, fleet(workers)), predict(work, fleet(workers + 1))

    assert more.seconds <= few.seconds
    assert more.computed >= images
    least = ((workers + 1) * (90 + serial) + images / 100) / 3600
    assert more.dollars >= least * (1 - 1e-9)


def test_ten_instances_take_a_tenth_of_the_time_beside_their_start():
    work = Work(images=1_024_000)

    one, ten = predict(work, fleet(1)), predict(work, fleet(10))

    assert one.seconds == pytest.approx(90 + 10_240)
    assert ten.seconds == pytest.approx(90 + 1_024)
    assert ten.dollars - one.dollars == pytest.approx(9 * 90 / 3600)


@given(IMAGES, WORKERS, st.floats(1, 1e4))
def test_no_number_of_instances_is_faster_than_images_reach_them(images, workers, feed):
    fed = Fleet(workers=workers, rate=100.0, price=1.0, start=90.0, feed=feed)

    outcome = predict(Work(images=images), fed)

    assert outcome.seconds >= 90 + images / feed
    assert outcome.seconds >= predict(Work(images=images), fleet(workers)).seconds

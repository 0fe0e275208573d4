from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.engine.device import Device
from dl_magics.training.engine.parallel.training_devices import TrainingDevices, count_devices


def gpus(count):
    members = tuple(f"gpu:{n}" for n in range(count)) if count > 1 else ()
    return Device("gpu", "Tesla T4", 2**34, "float16", members)


@pytest.mark.parametrize(
    ("batch", "available", "count"),
    [(32, 1, 1), (32, 2, 2), (32, 4, 4), (32, 8, 4), (30, 4, 3), (8, 4, 1), (7, 2, 1), (64, 8, 8)],
)
def test_a_batch_is_divided_among_as_many_devices_as_have_eight_images_each(
    batch, available, count
):
    assert count_devices(batch, available) == count


@given(st.integers(1, 4096), st.integers(1, 16), st.integers(0, 16))
def test_more_devices_are_never_fewer_that_train(batch, available, more):
    count = count_devices(batch, available)

    assert batch % count == 0
    assert count == 1 or batch // count >= 8
    assert count <= count_devices(batch, available + more) <= available + more


@pytest.mark.parametrize(
    ("found", "batch", "began", "members", "code"),
    [
        (1, 32, None, 0, None),
        (4, 32, None, 4, None),
        (4, 30, None, 3, "some_devices"),
        (4, 8, None, 0, "some_devices"),
        (4, 32, 4, 4, None),
        (4, 32, 1, 0, "same_devices"),
        (4, 32, 2, 2, "same_devices"),
        (2, 32, 4, 2, "other_devices"),
        (1, 32, 4, 0, "other_devices"),
        (4, 8, 1, 0, "some_devices"),
    ],
)
def test_a_run_trains_on_as_many_devices_as_it_began_with_and_says_where_it_is_not_all(
    found, batch, began, members, code
):
    devices = TrainingDevices(gpus(found), batch, began)

    assert len(devices.members) == members
    assert [each.code for each in devices.describe()] == ([code] if code else [])


def test_the_batch_size_that_all_devices_need_is_named():
    (warned,) = TrainingDevices(gpus(4), 30).describe()

    assert warned.text == (
        "3 of 4 × Tesla T4 train the last layers: each batch of 30 images is divided evenly, and "
        "at least 8 go to each."
    )
    assert warned.fix == "Features are computed on all. To train on all: batch_size = 32"


@given(st.integers(1, 200), st.integers(2, 16))
def test_the_named_batch_size_is_divided_among_all(batch, count):
    for warned in TrainingDevices(gpus(count), batch).describe():
        wanted = int(warned.fix.rpartition(" ")[2])
        assert count_devices(wanted, count) == count

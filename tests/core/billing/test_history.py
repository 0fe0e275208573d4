"""What can be known of an instance between two views of it."""

from __future__ import annotations

import pytest

from dl_magics.core.billing.history import add_view
from dl_magics.core.instance import Instance

START = 1_000_000


def view(state: str, at: int, *, launched: int = 0, stopped: int = 0, **changes) -> Instance:
    values = {
        "id": "i-1",
        "name": "gpu",
        "state": state,
        "type": "g4dn.xlarge",
        "launched_at": START + launched,
        "stopped_at": START + stopped if stopped else 0.0,
        "seen_at": START + at,
        "type_dollars": 0.526,
        "price_day": "2026-11-26",
        "public_addresses": 1 if state == "running" else 0,
        "address_dollars": 0.005,
        "volumes": 1,
        "disks": (("gp3", 100),),
        "disk_dollars": 8.0,
        **changes,
    }
    return Instance(**values)


def follow(*views: Instance) -> list[tuple[int, int, str]]:
    history = ()
    for each in views:
        history = add_view(history, each)
    return [(each.began_at - START, each.ended_at - START, each.state) for each in history]


@pytest.mark.parametrize(
    ("views", "periods"),
    [
        pytest.param(
            [view("running", 500, launched=100)], [(100, 500, "running")], id="since its launch"
        ),
        pytest.param(
            [view("running", 500), view("stopped", 900, stopped=700)],
            [(0, 700, "running"), (700, 900, "stopped")],
            id="EC2 tells when it was stopped",
        ),
        pytest.param(
            [view("running", 500), view("stopped", 900)],
            [(0, 500, "running"), (500, 900, "unseen"), (900, 900, "stopped")],
            id="a shutdown inside has no time",
        ),
        pytest.param(
            [view("running", 500), view("stopped", 550)],
            [(0, 550, "running"), (550, 550, "stopped")],
            id="a shutdown inside that was seen at once",
        ),
        pytest.param(
            [view("running", 500), view("running", 900, launched=800)],
            [(0, 500, "running"), (500, 800, "unseen"), (800, 900, "running")],
            id="started again meanwhile",
        ),
        pytest.param(
            [view("stopped", 100), view("running", 900, launched=800)],
            [(100, 800, "stopped"), (800, 900, "running")],
            id="started meanwhile",
        ),
        pytest.param(
            [view("stopped", 100), view("stopped", 900, launched=300, stopped=800)],
            [(100, 300, "stopped"), (300, 800, "running"), (800, 900, "stopped")],
            id="started and stopped meanwhile",
        ),
        pytest.param(
            [view("running", 500), view("terminated", 900, stopped=600)],
            [(0, 600, "running")],
            id="terminated",
        ),
        pytest.param(
            [view("running", 500), view("running", 300), view("running", 600)],
            [(0, 600, "running")],
            id="an older view comes late",
        ),
        pytest.param([view("terminated", 900)], [], id="it was gone when it was first seen"),
    ],
)
def test_what_views_tell_of_the_time_between_them(views, periods):
    assert follow(*views) == periods


def test_a_price_on_demand_counts_since_the_start_and_a_spot_price_since_it_was_seen():
    views = [
        {"at": 100, "type_dollars": None, "price_day": ""},
        {"at": 200, "type_dollars": 0.5},
        {"at": 300, "type_dollars": 0.6},
    ]

    def prices(**changes):
        history = ()
        for each in views:
            history = add_view(history, view("running", **each, **changes))
        return [(each.ended_at - each.began_at, each.hour) for each in history]

    assert prices() == [(300, 0.6)]
    assert prices(spot=True) == [(200, 0.5), (100, 0.6)]


def test_a_view_that_did_not_read_the_disks_keeps_their_price():
    history = add_view((), view("running", 100))

    history = add_view(history, view("running", 200, disks=(), disk_dollars=0.0))

    assert [each.month for each in history] == [8.0]


def test_the_price_of_disks_that_were_read_later_counts_from_the_start():
    history = add_view((), view("running", 100, disks=(), disk_dollars=0.0))

    history = add_view(history, view("stopped", 200, stopped=150))

    assert [each.month for each in history] == [8.0, 8.0]

"""Views of an instance that arrive from several threads."""

from __future__ import annotations

from dl_magics.actions.aws.panel.place import Place
from dl_magics.core.instance import Instance
from dl_magics.server.monitors.listing import Listing

PLACE = Place(profile="default", region=None, practice=True, own=True)
SEEN = Instance(
    id="i-1",
    name="gpu",
    state="running",
    type="t2.micro",
    ip="203.0.113.7",
    seen_at=100.0,
    dollars_per_hour=0.01,
    disks=(("gp3", 100),),
    answers=True,
)


def later(**changes) -> Instance:
    values = {**SEEN.to_json(), "seen_at": 101.0, "answers": False, "disks": []}
    return Instance.from_json({**values, "dollars_per_hour": None, **changes})


def update(*views: Instance) -> Instance:
    listing = Listing(place=PLACE, each=(SEEN,))
    for view in views:
        listing = listing.update([view])
    (shown,) = listing.each
    return shown


def test_an_older_view_changes_nothing():
    assert update(later(state="stopped", seen_at=99.0)).state == "running"


def test_a_newer_view_keeps_what_only_the_older_one_knows():
    shown = update(later())

    assert (shown.answers, shown.dollars_per_hour, shown.disk_gib) == (True, 0.01, 100)


def test_ssh_that_answered_before_another_start_says_nothing_of_this_one():
    assert not update(later(state="stopped")).answers
    assert not update(later(launched_at=100.5)).answers
    assert update(later(type="g4dn.xlarge")).dollars_per_hour is None


def test_what_a_person_would_not_notice_is_no_change():
    listing = Listing(place=PLACE, each=(SEEN,))

    assert listing.update([later(answers=True)]).fingerprint() == listing.fingerprint()
    assert listing.update([later(state="stopping")]).fingerprint() != listing.fingerprint()


def test_terminated_instances_come_last():
    gone = later(id="i-0", name="a", state="terminated")

    assert [each.id for each in Listing(place=PLACE, each=(SEEN,)).update([gone]).each] == [
        "i-1",
        "i-0",
    ]

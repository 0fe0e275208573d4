"""When an outage of a link is noted, by the states of the link and the time."""

from __future__ import annotations

import json

import pytest

from dl_magics.gpu_kernel.link.outage_recorder import OutageRecorder
from dl_magics.gpu_kernel.link.status import LinkStatus
from dl_magics.store.link_outages import Outage

WHOSE = Outage(kernel_id="ab12cd34", host="gpu", session="train", notebook="train.ipynb")


@pytest.fixture
def follow(home):
    """Follow the states of a link; return what is stored after the last one: (since, ended_at)."""

    def follow(*states):
        now, alive_at = 0.0, 100.0
        recorder = OutageRecorder(WHOSE, lambda: now)
        for at, state in states:
            now = at
            alive_at = at if state == "attached" else alive_at
            recorder.look(LinkStatus(1, state=state, why="No data.", alive_at=alive_at))
        path = home / "links" / "ab12cd34.json"
        if not path.exists():
            return None
        stored = json.loads(path.read_text())
        assert stored["why"] == "No data."
        return stored["since"], stored["ended_at"]

    return follow


@pytest.mark.parametrize(
    ("states", "stored"),
    [
        ([(100, "attached")], None),
        ([(101, "lost"), (102, "lost")], None),
        ([(101, "lost"), (102, "attached"), (104, "lost")], None),
        ([(101, "lost"), (103, "lost")], (100, None)),
        ([(101, "lost"), (103, "gone"), (120, "lost")], (100, None)),
        ([(104, "lost"), (123, "attached")], (100, 123)),
        ([(104, "lost"), (123, "attached"), (125, "attached")], (100, 123)),
        ([(104, "lost"), (123, "attached"), (184, "attached")], None),
        ([(104, "lost"), (123, "stopped")], None),
        ([(102, "stopped"), (190, "lost"), (200, "gone")], None),
        ([(102, "stopped"), (190, "lost"), (200, "attached"), (204, "lost")], (200, None)),
    ],
    ids=[
        "never lost",
        "a blip",
        "two blips",
        "lost",
        "still lost",
        "back",
        "still back",
        "long back",
        "the instance was stopped",
        "it is started again",
        "lost after that",
    ],
)
def test_an_outage_is_stored_from_three_seconds_until_a_minute_after_its_end(
    follow, states, stored
):
    assert follow(*states) == stored


def test_another_outage_follows_the_first_one(follow):
    states = [(104, "lost"), (123, "attached"), (130, "lost"), (134, "lost")]

    assert follow(*states)[1] is None

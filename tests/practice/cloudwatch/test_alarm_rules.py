"""The states of an alarm: the tables of "Configuring how alarms treat missing data"."""

from __future__ import annotations

import pytest

from dl_magics.practice.cloudwatch.alarm_rules import evaluate

POINTS = {"0": False, "X": True, "-": None}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "the state before"

# The points, the newest one last, and the state by how missing ones are treated.
THREE_OF_THREE = {
    "0-X-X": ("OK", "OK", "OK", "OK"),
    "0----": ("OK", "OK", "OK", "OK"),
    "-----": ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK"),
    "0XX-X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "--X--": ("ALARM", KEPT, "ALARM", "OK"),
    "----X": (KEPT, KEPT, "ALARM", "OK"),
    "XXX0X": ("OK", "OK", "OK", "OK"),
}
TWO_OF_THREE = {
    "0-X-X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "00X0X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0-X--": ("ALARM", KEPT, "ALARM", "OK"),
    "----0": ("OK", "OK", "ALARM", "OK"),
}


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        *((3, points, states) for points, states in THREE_OF_THREE.items()),
        *((2, points, states) for points, states in TWO_OF_THREE.items()),
    ],
)
def test_an_alarm_has_the_state_of_the_user_guide(needed, points, states, treatment):
    seen = [POINTS[each] for each in points]
    expected = states[TREATMENTS.index(treatment)]

    found = evaluate(seen, KEPT, periods=3, needed=needed, missing=treatment)

    assert found == expected

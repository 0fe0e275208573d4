from __future__ import annotations

from dl_magics.actions.runs.comparison import rows
from dl_magics.actions.runs.comparison.side import Side
from dl_magics.runs.state import RunState


def side(letter, **recipe):
    return Side(letter, f"run-{letter}", "", RunState(recipe=recipe, counts={"valid": {}}))


def differing(*sides):
    return {
        row.name: row.cells
        for group in rows.list_groups(sides)
        for row in group.rows
        if group.title == "What differs"
    }


def test_a_long_setting_is_shortened_and_a_missing_one_is_a_dash():
    found = differing(side("A", head="def head(x):\n    return x" * 9), side("B"))

    long, missing = found["head"]
    assert long.startswith("def head(x): return x")
    assert long.endswith(" …")
    assert len(long) <= 80
    assert missing == "–"


def test_values_are_written_as_in_a_cell():
    found = differing(side("A", a=None, b=True, c=[1, 2], d=""), side("B", a=1, b=False, c=3, d=4))

    assert {name: cells[0] for name, cells in found.items()} == {
        "a": "None",
        "b": "True",
        "c": "[1, 2]",
        "d": "''",
    }

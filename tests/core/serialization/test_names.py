from __future__ import annotations

import pytest

from dl_magics.core.serialization import names
from dl_magics.errors import BadValue


@pytest.mark.parametrize("listed", ["x,y", "x, y", " x ,y,", "x y"])
def test_names_are_separated_by_commas_or_spaces(listed):
    assert names.parse_names(listed) == ["x", "y"]


@pytest.mark.parametrize("name", ["sum", "open", "größe", "_mine", "__x", "i1"])
def test_a_name_that_a_person_may_assign_is_accepted(name):
    assert names.parse_names(name) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "In",
        "Out",
        "get_ipython",
        "exit",
        "quit",
        "_",
        "___",
        "_i",
        "_ih",
        "_oh",
        "_dh",
        "_12",
        "_i3",
    ],
)
def test_a_name_that_ipython_needs_is_refused(name):
    with pytest.raises(BadValue, match=f"^{name} belongs to IPython") as refused:
        names.parse_names(f"x,{name}")

    assert refused.value.fix == f"Assign it to another name first: value = {name}"


@pytest.mark.parametrize("name", ["1x", "a.b", "a[0]", "class", "x;y", "*"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(BadValue, match="is not the name of a variable"):
        names.parse_names(name)

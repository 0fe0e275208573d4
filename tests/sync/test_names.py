from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.sync.names import (
    climbs_back,
    is_valid_name,
    parent_folders,
    points_outside,
    printable,
)
from dl_magics.text import escape_controls


@pytest.mark.parametrize(
    ("name", "target", "out"),
    [
        (b"a", b"b", False),
        (b"a/b", b"../c", False),
        (b"a/b", b"../../c", True),
        (b"a", b"..", True),
        (b"a", b"/etc", True),
        (b"a/b", b"x/../../c/..", False),
    ],
)
def test_links_that_point_outside_are_detected(name, target, out):
    assert points_outside(name, target) is out


@pytest.mark.parametrize("target", [b"C:/x", b"\\\\host\\x", b"..\\..\\x"])
def test_links_to_drives_and_with_backslashes_point_outside_on_windows(target):
    assert points_outside(b"a/b", target, windows=True)


@pytest.mark.parametrize("name", [b"/a", b"../a", b"a/../b", b"a//b", b".", b"a\0", b""])
def test_names_that_escape_the_folder_are_invalid(name):
    assert not is_valid_name(name, windows=False)
    assert not is_valid_name(name, windows=True)


@pytest.mark.parametrize(
    "name",
    [
        *(b"CON", b"nul.txt", b"a/Aux", b"com1", b"LPT9.log", "com¹".encode(), b"conin$", b"x:y"),
        *(
            b"a\\b",
            b"what?",
            b"ends.",
            b"ends /x",
            b"tab\t",
            b"\xff",
            b'"',
            b"<",
            b"a|b",
            b"nul .x",
        ),
    ],
)
def test_names_that_windows_reserves_are_invalid_there_only(name):
    assert is_valid_name(name, windows=False)
    assert not is_valid_name(name, windows=True)


@pytest.mark.parametrize("name", [b"console", b"com", b"com10", b"a.con", b".hidden", b"a b"])
def test_similar_names_are_valid_on_windows(name):
    assert is_valid_name(name, windows=True)


@given(st.lists(st.sampled_from(["..", ".", "a", "link", ""]), min_size=1, max_size=6))
def test_a_link_that_does_not_climb_back_stays_inside_whatever_lies_there(parts):
    """In a folder whose `link` is a link to it, as in any other, words and truth are the same."""
    target = "/".join(parts) or "."
    if points_outside(b"a/m", target.encode()) or climbs_back(target.encode()):
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(os.path.realpath(scratch)) / "root"
        (root / "a" / "a" / "a").mkdir(parents=True)
        for folder in (root, root / "a", root / "a" / "a"):
            (folder / "link").symlink_to(root)

        assert Path(os.path.realpath(root / "a" / target)).is_relative_to(root)


@pytest.mark.parametrize(
    ("target", "climbs"),
    [(b"../..", False), (b"./.././x", False), (b"x/..", True), (b"../x/../y", True), (b"x", False)],
)
def test_a_target_climbs_back_where_a_name_precedes(target, climbs):
    assert climbs_back(target) is climbs


@given(st.binary(max_size=50))
def test_the_folders_above_any_name_are_a_finite_list(name):
    above = list(parent_folders(name))

    assert len(above) == name.count(b"/")
    assert all(name.startswith(each + b"/") for each in above)


@given(st.binary(max_size=50))
def test_any_name_can_be_shown(name):
    text = printable(name)

    assert escape_controls(text) == text
    assert text.encode().decode() == text

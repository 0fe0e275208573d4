from __future__ import annotations

import pytest

from dl_magics.sync.diff import FileEntry, is_same, is_valid_name, points_outside

SECOND = 10**9


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


@pytest.mark.parametrize("name", [b"/a", b"../a", b"a/../b", b"a//b", b".", b"a\0"])
def test_names_that_escape_the_folder_are_invalid(name):
    assert not is_valid_name(name)


def test_whole_second_timestamps_compare_equal():
    fine, coarse = FileEntry("file", 3, 5 * SECOND + 7), FileEntry("file", 3, 5 * SECOND)

    assert is_same(fine, coarse)
    assert is_same(fine, FileEntry("file", 3, 5 * SECOND + 99))
    assert not is_same(fine, FileEntry("file", 3, 5 * SECOND + 7000))
    assert not is_same(fine, FileEntry("file", 4, 5 * SECOND + 7))
    assert not is_same(fine, None)

from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting
from dl_magics.runs import tag


def test_a_tag_is_one_line_that_is_kept_replaced_and_removed(tmp_path):
    assert tag.read_tag(tmp_path) == ""
    tag.write_tag(tmp_path, " five heads,\n unfrozen ")
    assert tag.read_tag(tmp_path) == "five heads, unfrozen"

    tag.write_tag(tmp_path, "größer")
    assert tag.read_tag(tmp_path) == "größer"

    tag.write_tag(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_a_tag_that_is_too_long_is_refused_and_the_old_one_kept(tmp_path):
    tag.write_tag(tmp_path, "x" * 100)

    with pytest.raises(BadSetting, match="The tag has 101 characters"):
        tag.write_tag(tmp_path, "y" * 101)

    assert tag.read_tag(tmp_path) == "x" * 100


@pytest.mark.parametrize("written", [b"\xff\xfe", b"x" * 10**6, b"a\nb"])
def test_any_file_is_read_as_one_short_line(tmp_path, written):
    (tmp_path / tag.FILE_NAME).write_bytes(written)

    found = tag.read_tag(tmp_path)

    assert len(found) <= tag.LONGEST
    assert "\n" not in found

from __future__ import annotations

import math

import pytest

from dl_magics.core import json_checks


@pytest.mark.parametrize("value", [0, 1, 0.25, 1.0000001])
def test_a_share_is_a_number_from_0_to_1(value):
    assert json_checks.read_share(value) == value


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, True, "0.5", None, [0.5]])
def test_anything_else_is_no_share(value):
    with pytest.raises(ValueError, match="is not a number from 0 to 1"):
        json_checks.read_share(value)


@pytest.mark.parametrize("path", ["cats/1.jpg", "1.jpg", "a..b/..c", "new\nline.jpg", "\udcff.jpg"])
def test_a_path_below_a_folder_is_kept_as_it_is(path):
    assert json_checks.read_relative_path(path) == path


@pytest.mark.parametrize("path", ["/etc/passwd", "../1.jpg", "a/../../1.jpg", "", ".", "a\0b", 7])
def test_a_path_that_leads_elsewhere_is_refused(path):
    with pytest.raises(ValueError, match="is not a"):
        json_checks.read_relative_path(path)


@pytest.mark.parametrize("value", ["0" * 63, "G" * 64, "0" * 65, "", "0" * 64 + "\n"])
def test_a_sha256_has_64_hexadecimal_digits(value):
    with pytest.raises(ValueError, match="SHA-256"):
        json_checks.read_sha256(value)


@pytest.mark.parametrize("value", [[], ["a", "a"], "ab", [1], None])
def test_names_are_different_texts(value):
    with pytest.raises(ValueError, match=r"names|list|text"):
        json_checks.read_names(value, "names")


def test_a_refused_value_is_quoted_in_ascii_and_short():
    assert json_checks.quote_value("\u202e" + "x" * 5000) == r"'\u202e" + "x" * 53

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics import text as texts
from dl_magics.text import escape_controls, wrap_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x9b31mred", r"\x9b31mred"),
        ("right\rwrong", r"right\rwrong"),
        ("two\nlines", r"two\nlines"),
        ("bell\x07", r"bell\x07"),
        ("cat\u202egpj.exe", r"cat\u202egpj.exe"),
        ("raw\udcff", r"raw\udcff"),
        ("line\u2028break", r"line\u2028break"),
    ],
)
def test_a_control_character_is_shown_as_python_writes_it(text, shown):
    assert escape_controls(text) == shown


@pytest.mark.parametrize(
    "text", ["Мурка", "猫 と 犬", "👩\u200d🚀", "می\u200cخواهم", "a\u00a0b", r"C:\x1b"]
)
def test_text_of_any_language_is_left_as_it_is(text):
    assert escape_controls(text) == text


def test_what_is_kept_is_left_as_it_is():
    assert escape_controls("a\n\x1bb", keep="\n\t") == "a\n\\x1bb"


@given(st.text(st.characters()))
def test_no_control_character_is_left(text):
    shown = escape_controls(text)

    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in shown)
    shown.encode()


@pytest.fixture
def narrow():
    texts.limit_lines(lambda: 20)
    yield
    texts.limit_lines()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("It fits.", "It fits."),
        ("It rained on the whole way.", "It rained on the\nwhole way."),
        ("  Take an umbrella with you.", "  Take an umbrella\n  with you."),
        ("See /a/path/that/is-very-long.h5 too.", "See\n/a/path/that/is-very-long.h5\ntoo."),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_lines_are_broken_between_words_where_a_page_would_break_words(narrow, line, shown):
    assert wrap_line(line) == shown


def test_lines_are_not_broken_elsewhere():
    assert wrap_line("a word " * 40) == "a word " * 40

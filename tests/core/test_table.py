from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core import table

cells = st.text(st.characters(categories=("L", "N", "P")), max_size=8)


def test_the_columns_of_the_text_are_aligned():
    shown = table.format_text(
        "Types", ("name", "price"), [("p2.xlarge", "$0.90/h"), ("t2", "$0.01/h")]
    )

    assert shown.splitlines() == [
        "Types",
        "name       price",
        "p2.xlarge  $0.90/h",
        "t2         $0.01/h",
    ]


def test_a_table_without_rows_is_only_its_title():
    assert table.format_text("Nothing runs", ("name",), []) == "Nothing runs"
    assert "<table>" not in table.format_html("Nothing runs", ("name",), [])


@given(st.lists(st.tuples(cells, cells), max_size=4))
def test_each_row_is_one_line_of_text_and_one_row_of_html(rows):
    lines = table.format_text("title", ("a", "b"), rows).split("\n")

    assert len(lines) == (len(rows) + 2 if rows else 1)
    assert table.format_html("title", ("a", "b"), rows).count("<tr>") == (
        len(rows) + 1 if rows else 0
    )


def test_in_a_narrow_terminal_long_cells_have_several_lines():
    rows = [("gpu", "Deep Learning AMI", "running"), ("cpu", "Ubuntu", "stopped")]

    shown = table.format_text("Instances", ("name", "image", "state"), rows, width=25)

    assert shown.splitlines() == [
        "Instances",
        "name  image       state",
        "gpu   Deep        running",
        "      Learning",
        "      AMI",
        "cpu   Ubuntu      stopped",
    ]


words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)
sentences = st.lists(words, min_size=1, max_size=6).map(" ".join)


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=4), st.integers(1, 40))
def test_no_word_is_broken_and_no_line_is_too_long_unless_its_words_are(rows, width):
    lines = table.format_text("title", ("a", "b"), rows, width=width).split("\n")[1:]

    given_words = sorted(
        word for row in [("a", "b"), *rows] for cell in row for word in cell.split()
    )
    assert sorted(word for line in lines for word in line.split()) == given_words
    longest = [max(len(word) for row in rows for word in row[i].split()) for i in (0, 1)]
    assert max(map(len, lines)) <= max(width, sum(longest) + 2)


def test_line_breaks_stay_in_html_and_do_not_break_the_columns_of_the_text():
    shown = "gpu: keras\n✗ not seen", ("layer",), [("Keras\n3.15",)]

    assert "gpu: keras<br>✗ not seen" in table.format_html(*shown)
    assert "Keras<br>3.15" in table.format_html(*shown)
    assert table.format_text(*shown).splitlines()[2:] == ["layer", "Keras 3.15"]


def test_html_is_escaped():
    shown = table.format_html("a & b", ("<th>",), [("<script>",)])

    assert "a &amp; b" in shown
    assert "&lt;th&gt;" in shown
    assert "<script>" not in shown

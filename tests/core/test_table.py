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

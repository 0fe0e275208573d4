from __future__ import annotations

import itertools
import math
from xml.etree import ElementTree

import pytest

from dl_magics.runs.report import chart
from dl_magics.runs.report.chart import Line

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*lines, **options):
    return ElementTree.fromstring(chart.draw_chart("val_loss", lines, "what it shows", **options))


def texts(svg):
    return [each.text for each in svg.iter(f"{SVG}text")]


def test_a_chart_has_title_names_whole_epochs_and_words_for_a_screen_reader():
    svg = drawn(Line("A", [(1, 0.5), (2, 0.25), (3, 0.3)], marked=2), Line("B", [(1, 0.4)], key=1))

    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == "what it shows"
    assert {"val_loss", "epoch", "A", "B", "1", "2", "3"} <= set(texts(svg))
    assert "1.5" not in texts(svg)


def test_lines_differ_in_colour_and_in_shape():
    svg = drawn(*(Line(str(n), [(1, n), (2, n)], key=n) for n in range(3)))

    colors = {each.attrib["stroke"] for each in svg.iter(f"{SVG}path") if each.get("stroke-width")}
    shapes = {
        ElementTree.tostring(dots[0][0]) for dots in svg.findall(f"{SVG}g") if dots.find(f"{SVG}g")
    }
    assert len(colors) == 3
    assert len(shapes) == 3


def test_names_at_the_ends_of_equal_lines_do_not_cover_each_other():
    svg = drawn(*(Line(name, [(1, 0.5), (2, 0.5)]) for name in "ABC"))

    heights = [float(each.attrib["y"]) for each in svg.iter(f"{SVG}text") if each.text in "ABC"]
    assert len(heights) == 3
    assert all(lower - upper >= 12 for upper, lower in itertools.pairwise(heights))


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -3.0, 1e30])
def test_any_number_can_be_drawn(value):
    text = chart.draw_chart("loss", [Line("A", [(1, value), (2, 1.0)])], "")

    assert "nan" not in text
    assert "inf" not in text


def test_without_a_point_there_is_no_chart():
    assert chart.draw_chart("loss", [Line("A", [(1, math.nan)])], "") == ""


def test_markup_in_names_is_shown_as_text():
    svg = drawn(Line("<script>", [(1, 1.0)]))

    assert "<script>" in texts(svg)
    assert not list(svg.iter("script"))


def test_a_swatch_is_a_picture_that_no_screen_reader_reads():
    assert ElementTree.fromstring(chart.draw_swatch(9)).attrib["aria-hidden"] == "true"

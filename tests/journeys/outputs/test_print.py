"""What a person prints, on A4 in Chromium: the report of a run, and outputs of a saved notebook."""

from __future__ import annotations

import pytest

from dl_magics.actions.data import gallery
from dl_magics.actions.results.matrix import ConfusionMatrix
from dl_magics.data.quality.findings import Finding, Item
from dl_magics.runs import evaluation
from dl_magics.runs.events import RunEnded
from dl_magics.runs.report.page import write_report
from dl_magics.runs.state import replay_events
from support import run_events
from support.evaluations import make_evaluation, make_photo

pytestmark = pytest.mark.browser

WIDTH = 688  # of an A4 page between margins of 14 mm
NAMES = tuple(f"retriever {n}" for n in range(16))
RIGHT = """() => Math.max(...[...document.querySelectorAll('td, th, pre, p, svg')].map(
  each => each.getBoundingClientRect().right))"""
HEIGHTS = """() => [...document.querySelectorAll('tbody th')].map(
  each => each.getBoundingClientRect().height)"""


@pytest.fixture(scope="module")
def paper(browser):
    page = browser.new_page(viewport={"width": WIDTH, "height": 900})
    page.emulate_media(media="print")
    yield page
    page.close()


@pytest.fixture
def found():
    shares = (0.5, *[0.5 / 15] * 15)
    return make_evaluation(
        *(make_photo(f"{n}.jpg", name, *shares, classes=NAMES) for n, name in enumerate(NAMES))
    )


def test_a_report_is_printed_with_all_columns_of_its_matrix(paper, found, tmp_path):
    evaluation.write_evaluation(tmp_path, found)
    events = run_events.make_events(run_events.epoch(1), ended=RunEnded(status="done"))

    paper.goto(write_report(tmp_path, replay_events(events)).as_uri())

    assert paper.locator(".matrix thead th").count() == len(NAMES)
    assert paper.evaluate(RIGHT) <= WIDTH


def test_a_matrix_in_a_notebook_is_printed_with_its_names_in_one_piece(paper, found):
    html = ConfusionMatrix(found)._repr_html_()

    paper.set_content(f"<body style='margin: 0; font: 13px sans-serif'>{html}")

    assert paper.evaluate(RIGHT) <= WIDTH
    assert max(paper.evaluate(HEIGHTS)) < 66  # three lines


def test_no_picture_of_the_gallery_is_cut_at_the_end_of_a_page(paper):
    items = tuple(Item(f"cats/{n}.jpg", picture="R0lGODlhAQABAAAAACw=") for n in range(3))

    paper.set_content(gallery.draw_html(Finding("blurry", items)))

    style = "each => getComputedStyle(each).%s"
    assert paper.locator("summary").evaluate(style % "breakAfter") == "avoid"
    for picture in paper.locator("details > div > div").all():
        assert picture.evaluate(style % "breakInside") == "avoid"

from __future__ import annotations

import re

import pytest

from dl_magics.actions.results.matrix import MOST_CLASSES, ConfusionMatrix
from support.evaluations import make_evaluation, make_photo

HOSTILE = "<script>alert(1)</script>\x1b[31m"


def test_the_matrix_is_text_with_intervals():
    assert repr(ConfusionMatrix(make_evaluation(), "gpu")).splitlines() == [
        "2026-11-26_120000_vgg16_pets on gpu · valid: 3 of 4 right, 75.0 % (30.1 to 95.4 %), "
        "loss 0.556",
        "      cats  dogs  right    95 % interval",
        "cats  1     1     50.0 %   9.5 to 90.5 %",
        "dogs  0     2     100.0 %  34.2 to 100.0 %",
        "Rows: the label of the images. Columns: what was predicted.",
    ]


def test_as_html_each_cell_is_coloured_by_its_share_of_the_row():
    html = ConfusionMatrix(make_evaluation())._repr_html_()
    cells = re.findall(r"rgba\((\d+), \d+, \d+, ([\d.]+)\)\">(\d+)<", html)

    assert cells == [
        ("25", "0.32", "1"),
        ("230", "0.32", "1"),
        ("230", "0.00", "0"),
        ("25", "0.45", "2"),
    ]


def test_names_are_shown_and_never_run():
    names = (HOSTILE, "dogs")
    photo = make_photo("a.jpg", HOSTILE, 0.2, 0.8, classes=names)
    shown = ConfusionMatrix(make_evaluation(photo, run=HOSTILE, skipped={"b": "x"}))

    assert "<script" not in shown._repr_html_()
    assert "&lt;script&gt;" in shown._repr_html_()
    assert "\x1b" not in repr(shown) + shown._repr_html_()


def make_many(wrong, names=tuple(f"breed {n:03} of dogs" for n in range(120))):
    """Return the matrix of a right image of each of 120 classes and these mistakes."""

    def predict(n, label, guess):
        shares = [float(each == guess) for each in range(len(names))]
        return make_photo(f"{n}.jpg", names[label], *shares, classes=names)

    pairs = [(n, n) for n in range(len(names))] + wrong
    return ConfusionMatrix(make_evaluation(*(predict(n, *pair) for n, pair in enumerate(pairs))))


def test_of_many_classes_the_most_confused_pairs_are_shown_beside_each_other():
    shown = make_many([(90, 3)] * 3 + [(41, 45)] * 5 + [(45, 41)] + [(3, 77)] * 2)

    assert len(shown.classes) == len(shown.rows) == len(shown.results) == MOST_CLASSES
    numbers = [int(name.split()[1]) for name in shown.classes]
    assert numbers[:5] == [41, 45, 90, 3, 77]
    assert shown.rows[0][:2] == [1, 5]
    assert [each.right for each in shown.results] == [1] * MOST_CLASSES
    assert "20 of 120 classes: those of the most confused pairs" in repr(shown)


def test_many_classes_are_a_few_narrow_lines_in_a_terminal():
    lines = repr(make_many([(41, 45)] * 5 + [(3, 77)] * 2)).splitlines()

    assert max(map(len, lines)) <= 110
    assert len(lines) <= 32
    assert lines[1].split() == [str(n) for n in range(1, 11)]
    assert lines[2].split() == ["1", "breed", "041", "of", "dogs", "1", "5", *["·"] * 8]
    (each,) = [n for n, line in enumerate(lines) if line.startswith("Each class, the least")]
    assert lines[each + 2].startswith("breed 041 of dogs")
    assert lines[each + 2].endswith("breed 045 of dogs (5)")
    assert lines[each + 3].startswith("breed 003 of dogs")
    assert lines[-1] == "and 108 more: .evaluation.by_class"


def test_long_names_are_numbers_above_the_columns_of_a_page_too():
    html = make_many([(41, 45)] * 5).format_html()
    heads = re.findall(r'<th scope="(\w+)"[^>]*>([^<]*)</th>', html)

    assert [text for scope, text in heads if scope == "col"][:3] == ["1", "2", "3"]
    assert next(text for scope, text in heads if scope == "row") == "1 breed 041 of dogs"
    assert html.count(">·</td>") == MOST_CLASSES * (MOST_CLASSES - 1) - 1


def test_the_picture_of_all_classes_names_each_point():
    html = make_many([(41, 45)] * 5, tuple(f"<b>{n}" for n in range(120)))._repr_html_()
    points = re.findall(r'fill="(#\w+)" fill-opacity="[\d.]+"><title>([^<]*)</title>', html)

    assert points.count(("#e65100", "5 of 6 &lt;b&gt;41: taken for &lt;b&gt;45")) == 1
    assert sum(colour == "#1976d2" for colour, _ in points) == 120
    assert "<b>4" not in html.replace("<p><b>", "")
    assert ConfusionMatrix(make_evaluation()).overview is None


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"split": "train"}, "The model was trained on these images"),
        ({"skipped": {"a": "x", "b": "x"}}, "2 files are not valid images"),
        ({"note": "The folder has changed."}, "The folder has changed."),
    ],
)
def test_what_a_reader_has_to_know_is_said(changes, note):
    shown = ConfusionMatrix(make_evaluation(**changes))
    assert note in repr(shown)
    assert note in shown._repr_html_()


def test_a_class_without_images_has_no_accuracy():
    shown = ConfusionMatrix(make_evaluation(make_photo("a.jpg", "cats", 1.0, 0.0)))
    assert shown.describe_results() == [["100.0 %", "20.7 to 100.0 %"], ["–", "–"]]

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


def test_of_many_classes_those_with_mistakes_are_shown_in_their_order():
    names = tuple(f"c{n:02}" for n in range(50))

    def shares(name):
        return tuple(float(each == name) for each in names)

    photos = [make_photo(f"{name}.jpg", name, *shares(name), classes=names) for name in names]
    photos.append(make_photo("x.jpg", "c41", *shares("c45"), classes=names))
    shown = ConfusionMatrix(make_evaluation(*photos))

    assert len(shown.classes) == len(shown.rows) == MOST_CLASSES
    assert [*shown.classes[-2:]] == ["c41", "c45"]
    assert shown.rows[-2][-2:] == [1, 1]
    assert "20 of 50 classes: those with the most mistakes." in repr(shown)


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

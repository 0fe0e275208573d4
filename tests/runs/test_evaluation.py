from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import DamagedRun
from dl_magics.runs.evaluation import (
    parse_evaluation,
    read_evaluation,
    write_evaluation,
)
from support.evaluations import make_evaluation, make_photo

FEW = make_evaluation()


def test_the_prediction_is_the_most_probable_class():
    right, wrong, *_ = FEW.photos

    assert (right.predicted, right.probability, right.is_right) == ("cats", 0.9, True)
    assert (wrong.predicted, wrong.probability, wrong.is_right) == ("dogs", 0.8, False)
    assert wrong.loss == pytest.approx(-math.log(0.2))


def test_an_image_without_a_label_has_a_prediction_but_no_loss():
    unknown = make_photo("1.jpg", None, 0.3, 0.7)

    assert unknown.predicted == "dogs"
    assert (unknown.is_right, unknown.loss) == (None, None)


def test_a_probability_of_zero_has_a_finite_loss():
    assert make_photo("1.jpg", "cats", 0.0, 1.0).loss == pytest.approx(16.118, abs=1e-3)


def test_the_numbers_are_those_of_the_labelled_images():
    evaluation = make_evaluation(*FEW.photos, make_photo("x.jpg", None, 0.5, 0.5))
    cats, dogs = evaluation.by_class

    assert (evaluation.right, evaluation.accuracy) == (3, 0.75)
    assert evaluation.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert (cats.name, cats.right, cats.images, cats.accuracy) == ("cats", 1, 2, 0.5)
    assert dogs.interval.high == 1
    assert evaluation.loss == pytest.approx(
        -(math.log(0.9) + math.log(0.2) + math.log(0.6) + math.log(1)) / 4
    )


def test_the_matrix_has_a_row_for_each_true_class():
    assert FEW.confusion == ((1, 1), (0, 2))
    assert [each.path for each in FEW.select("cats", "dogs")] == ["valid/cats/2.jpg"]
    assert [each.path for each in FEW.select("dogs", "dogs")] == [
        "valid/dogs/2.jpg",
        "valid/dogs/1.jpg",
    ]


def test_confused_pairs_are_sorted_by_their_number():
    names = ("a", "b", "c")
    photos = [
        make_photo(f"{n}.jpg", truth, *(float(each == predicted) for each in names), classes=names)
        for n, (truth, predicted) in enumerate(["ab", "cb", "ba", "cb", "aa"])
    ]
    confused = make_evaluation(*photos).most_confused

    assert confused() == [("c", "b", 2), ("a", "b", 1), ("b", "a", 1)]
    assert confused(2) == [("c", "b", 2)]


def test_the_highest_losses_come_first():
    assert [each.path for each in FEW.top_losses(2)] == ["valid/cats/2.jpg", "valid/dogs/1.jpg"]


def test_without_labelled_images_there_is_no_accuracy():
    evaluation = make_evaluation(make_photo("x.jpg", None, 0.5, 0.5))

    assert (evaluation.accuracy, evaluation.loss) == (None, None)
    assert evaluation.interval == (0, 1)


SHARES = st.lists(st.floats(0.01, 1), min_size=2, max_size=2).map(
    lambda found: tuple(each / sum(found) for each in found)
)
NAMES = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=9)


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(["cats", "dogs", None]), SHARES), min_size=1),
    st.dictionaries(NAMES, st.text(max_size=9), max_size=2),
)
def test_what_is_written_is_read(photos, skipped):
    evaluation = make_evaluation(
        *(make_photo(f"a/{name}x", truth, *shares) for name, truth, shares in photos),
        skipped={f"a/{name}x": reason for name, reason in skipped.items()},
    )
    assert parse_evaluation(json.loads(json.dumps(evaluation.to_json()))) == evaluation


def test_a_file_is_written_in_the_folder_of_the_run_and_read(tmp_path):
    evaluation = make_evaluation(make_photo("\udcff\u202e.jpg", "cats", 0.9, 0.1))
    path = write_evaluation(tmp_path, evaluation)

    assert path == tmp_path / "evaluation/valid.json"
    assert read_evaluation(tmp_path, "valid") == evaluation
    assert [each.name for each in path.parent.iterdir()] == ["valid.json"]


def test_a_run_without_an_evaluation_has_none(tmp_path):
    assert read_evaluation(tmp_path, "test") is None
    assert read_evaluation(tmp_path / "missing", "test") is None


def test_an_evaluation_of_another_part_is_refused(tmp_path):
    path = write_evaluation(tmp_path, FEW)
    path.rename(path.with_name("test.json"))

    with pytest.raises(DamagedRun, match="it is of the images of 'valid'"):
        read_evaluation(tmp_path, "test")


PHOTO = ["a.jpg", "cats", [0.5, 0.5]]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("split", "all", "split must be"),
        ("classes", ["cats", "cats"], "different names"),
        ("classes", "cats", "must be a list"),
        ("photos", {}, "must be a list"),
        ("photos", [PHOTO[:2]], "has path, truth and probabilities"),
        ("photos", [["/etc/passwd", *PHOTO[1:]]], "not a path below a folder"),
        ("photos", [["../a.jpg", *PHOTO[1:]]], "not a path below a folder"),
        ("photos", [["a.jpg", "birds", [0.5, 0.5]]], "'birds' is not one of the classes"),
        ("photos", [["a.jpg", ["cats"], [0.5, 0.5]]], "is not one of the classes"),
        ("photos", [["a.jpg", "cats", [1.0]]], "1 probabilities, not 2"),
        ("photos", [["a.jpg", "cats", [0.5, 0.4]]], "do not add up to 1"),
        ("photos", [["a.jpg", "cats", [math.nan, 1.0]]], "not a number from 0 to 1"),
        ("skipped", {"../x": "broken"}, "not a path below a folder"),
        ("skipped", [], "must be an object"),
        ("data_digest", "x", "not a SHA-256"),
        ("model_sha256", None, "not a text"),
        ("root", "x" * 5000, "not a text"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path, name, value, why):
    path = write_evaluation(tmp_path, FEW)
    path.write_text(json.dumps({**FEW.to_json(), name: value}))

    with pytest.raises(DamagedRun, match=why):
        read_evaluation(tmp_path, "valid")


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", "[" * 100_000, '{"run": "x"}', "\xff"])
def test_a_file_that_is_not_json_is_refused(tmp_path, text):
    path = write_evaluation(tmp_path, FEW)
    path.write_text(text, "latin-1")

    with pytest.raises(DamagedRun, match="cannot be read"):
        read_evaluation(tmp_path, "valid")

from __future__ import annotations

import sys

import pytest

from dl_magics.errors import NotInstalled
from dl_magics.training.prediction.predictions import Prediction, Predictions
from support import tiny_keras

SCRIPT = "<script>alert(1)</script>"
CLASSES = ("cats", "dogs")


def predicted(path, label, probability=0.9, classes=CLASSES):
    return Prediction(path, label, probability, dict.fromkeys(classes, 0.5))


def many(folder, counts):
    """Predictions of images in one folder: {class: number of images}."""
    labels = [label for label, n in counts.items() for _ in range(n)]
    return [
        predicted(folder / f"{i:03}.jpg", label, 0.999 - i / 1000, tuple(counts))
        for i, label in enumerate(labels)
    ]


def test_predictions_are_shown_as_text_and_table(tmp_path):
    made = [predicted(tmp_path / "a.png", "cats", 0.9871)]
    predictions = Predictions(made, {tmp_path / "b.png": "empty file"})

    assert repr(predictions).splitlines() == [
        "1 of 1 cats",
        "a.png: cats (98.7%)",
        "b.png: skipped, empty file",
    ]
    assert ">cats</td><td>98.7%</td>" in predictions._repr_html_()
    assert "<code>b.png</code>: empty file" in predictions._repr_html_()
    assert repr(Predictions([], {})) == "no images"


def test_one_line_counts_the_classes(tmp_path):
    assert Predictions(many(tmp_path, {"cats": 132, "dogs": 8}), {}).summary == (
        "132 of 140 cats, 8 of 140 dogs"
    )


def test_folders_that_are_named_like_classes_say_what_is_right(tmp_path):
    made = [
        *(
            predicted(tmp_path / "cats" / f"{i}.jpg", "cats" if i < 132 else "dogs")
            for i in range(140)
        ),
        *(
            predicted(tmp_path / "dogs" / f"{i}.jpg", "dogs" if i < 118 else "cats")
            for i in range(120)
        ),
    ]

    assert Predictions(made, {}).summary == ("250 of 260 right: 132 of 140 cats, 118 of 120 dogs")


def test_one_folder_that_is_named_like_a_class_says_how_many_have_it(tmp_path):
    made = [
        predicted(tmp_path / "cats" / f"{i}.jpg", "cats" if i < 132 else "dogs") for i in range(140)
    ]

    assert Predictions(made, {}).summary == "132 of 140 cats"


def test_a_prediction_that_its_folder_contradicts_is_marked(tmp_path):
    made = [
        predicted(tmp_path / "cats" / "right.jpg", "cats"),
        predicted(tmp_path / "cats" / "wrong.jpg", "dogs"),
        predicted(tmp_path / "of_no_class" / "any.jpg", "dogs"),
    ]

    shown = repr(Predictions(made, {}))

    assert "wrong.jpg: dogs ✗" in shown
    assert shown.count("✗") == 1
    assert Predictions(made, {})._repr_html_().count("dogs ✗</td>") == 1


def test_of_many_classes_the_most_frequent_are_named(tmp_path):
    counts = {f"class {i}": 10 - i for i in range(8)}

    assert Predictions(many(tmp_path, counts), {}).summary.endswith(
        "7 of 52 class 3, 4 more classes"
    )


def test_the_doubtful_ones_are_shown_first_and_only_twenty(tmp_path):
    predictions = Predictions(many(tmp_path, {"cats": 20, "dogs": 10}), {})

    first, doubtful, *_, last = repr(predictions).splitlines()

    assert first.startswith("20 of 30 cats")
    assert doubtful == "029.jpg: dogs (97.0%)"
    assert last.startswith("The 20 with the lowest probability of 30.")
    assert len(repr(predictions).splitlines()) == 22
    assert predictions._repr_html_().count("<tr><td>") == 20
    assert [each.path.name for each in predictions[:2]] == ["000.jpg", "001.jpg"]


def test_all_is_a_data_frame(tmp_path):
    frame = Predictions(many(tmp_path, {"cats": 20, "dogs": 10}), {}).all

    assert len(frame) == 30
    assert [*frame.columns] == ["path", "class", "probability", "p(cats)", "p(dogs)"]


def test_all_without_pandas_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(NotInstalled, match="pandas") as caught:
        _ = Predictions([], {}).all

    assert caught.value.fix == "%pip install pandas"


def test_an_image_is_shown_small_until_its_file_is_gone(tmp_path):
    file = tiny_keras.photo(tmp_path / "a.png", "red", 1)
    predictions = Predictions([predicted(file, "cats")], {})

    assert '<img src="data:image/jpeg;base64,' in predictions._repr_html_()
    assert len(predictions._repr_html_()) < 5_000
    file.unlink()
    assert "<img" not in predictions._repr_html_()


def test_names_are_escaped(tmp_path):
    made = [predicted(tmp_path / f"{SCRIPT}.png", SCRIPT)]

    page = Predictions(made, {tmp_path / SCRIPT: SCRIPT})._repr_html_()

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3

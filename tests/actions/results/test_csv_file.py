from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dl_magics.actions.results import csv_file
from dl_magics.errors import BadSetting, NoFolder
from dl_magics.training.prediction.predictions import Prediction, Predictions


def predict(*names):
    return Predictions(
        [Prediction(Path(name), "cats", 0.75, {"cats": 0.75, "dogs": 0.25}) for name in names],
        {Path("broken.jpg"): "empty file"},
    )


def test_each_image_is_a_line_and_those_skipped_say_why(tmp_path):
    file = tmp_path / "p.csv"
    _, said = write(file, "a, b.jpg", 'c".jpg')

    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert said == f"Wrote 2 predictions to {file}."
    assert [row["path"] for row in rows] == ["a, b.jpg", 'c".jpg', "broken.jpg"]
    assert rows[0] == {
        "path": "a, b.jpg",
        "class": "cats",
        "probability": "0.750000",
        "p(cats)": "0.750000",
        "p(dogs)": "0.250000",
        "skipped": "",
    }
    assert (rows[2]["class"], rows[2]["skipped"]) == ("", "empty file")


@pytest.mark.parametrize("name", ["=1+1.jpg", "@x.jpg", "-2.jpg", "+3.jpg", "\tx.jpg"])
def test_a_file_name_is_no_formula_of_a_spreadsheet(tmp_path, name):
    write(tmp_path / "p.csv", name)
    assert f"'{name},cats" in (tmp_path / "p.csv").read_text("utf-8")


def test_a_name_that_is_not_utf_8_is_written_as_it_is(tmp_path):
    write(tmp_path / "p.csv", "\udcff.jpg")
    assert b"\n\xff.jpg,cats" in (tmp_path / "p.csv").read_bytes()


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("mine")

    with pytest.raises(BadSetting, match="exists; it is not replaced unasked") as caught:
        write(file, "a.jpg")
    kept = file.read_text()
    write(file, "a.jpg", replace=True)

    assert "--force" in caught.value.fix
    assert kept == "mine"
    assert file.read_text("utf-8").startswith("path,class")


def test_two_notebooks_do_not_predict_into_the_same_file(tmp_path):
    file = tmp_path / "p.csv"

    def predict_while_another_begins():
        with pytest.raises(BadSetting, match="exists"):
            write(file, "theirs.jpg")
        return predict("ours.jpg")

    csv_file.predict_to_file(str(file), predict_while_another_begins, replace=False)

    assert "ours.jpg" in file.read_text("utf-8")


@pytest.mark.parametrize("replace", [False, True])
def test_predictions_that_fail_leave_no_file_and_keep_their_own_error(tmp_path, replace):
    def fail():
        raise TimeoutError("the disk of the images")

    with pytest.raises(TimeoutError, match="the disk of the images"):
        csv_file.predict_to_file(str(tmp_path / "p.csv"), fail, replace=replace)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file_and_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BadSetting, match="is a folder"):
        write(tmp_path, "a.jpg", replace=True)
    with pytest.raises(NoFolder, match="There is no folder"):
        write(tmp_path / "no/p.csv", "a.jpg")


def write(file, *names, replace=False):
    return csv_file.predict_to_file(str(file), lambda: predict(*names), replace=replace)

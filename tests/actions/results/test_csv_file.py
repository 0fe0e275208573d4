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
    said = csv_file.write_predictions(file, predict("a, b.jpg", 'c".jpg'))

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
    csv_file.write_predictions(tmp_path / "p.csv", predict(name))
    assert f"'{name},cats" in (tmp_path / "p.csv").read_text("utf-8")


def test_a_name_that_is_not_utf_8_is_written_as_it_is(tmp_path):
    csv_file.write_predictions(tmp_path / "p.csv", predict("\udcff.jpg"))
    assert b"\n\xff.jpg,cats" in (tmp_path / "p.csv").read_bytes()


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("mine")

    with pytest.raises(BadSetting, match="exists; it is not replaced unasked") as caught:
        csv_file.require_new_file(str(file), replace=False)
    assert "--force" in caught.value.fix
    assert csv_file.require_new_file(str(file), replace=True) == file
    assert file.read_text() == "mine"


def test_a_folder_is_no_file_and_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BadSetting, match="is a folder"):
        csv_file.require_new_file(str(tmp_path), replace=True)
    with pytest.raises(NoFolder, match="There is no folder"):
        csv_file.require_new_file(str(tmp_path / "no/p.csv"), replace=False)

from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics import errors
from dl_magics.magics.data import reading
from support.images import plant_faults, write_pets


@pytest.fixture
def pets(run):
    folder = write_pets(Path("pets"), train=5, valid=3)
    plant_faults(folder)
    return folder


def read_files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_check_returns_a_report_and_changes_nothing(run, pets):
    before = read_files(pets)

    report = run("%check_data pets")

    assert report.files("dark") == ["train/cats/night.jpg"]
    assert report.kinds["leak"] == 1
    assert read_files(pets) == before


def test_fix_moves_what_is_of_no_use_and_put_back_restores_it(run, pets, capsys):
    before = read_files(pets)

    said = run("%check_data pets --fix -y")
    again = run("%check_data pets")
    run("%check_data pets --fix dark blurry -y")
    gone = before.keys() - read_files(pets).keys()
    back = run("%check_data pets --put-back")

    assert said.startswith("Moved 5 files to pets/.quarantine/")
    assert said.endswith("%check_data pets --put-back moves them back.")
    assert not {"empty", "damaged", "not_an_image", "leak", "duplicate"} & again.kinds.keys()
    assert len(gone) == 7
    assert back == "Put 7 files back into pets."
    assert read_files(pets) == before
    assert (
        "Move 5 files of pets into its quarantine (1 empty file, 1 file" in capsys.readouterr().out
    )


def test_nothing_is_moved_without_a_confirmation(run, pets):
    before = read_files(pets)

    with pytest.raises(errors.NotConfirmed):
        run("%check_data pets --fix")

    assert read_files(pets) == before


def test_a_kind_that_was_not_found_moves_nothing(run, pets, capsys):
    run("%check_data pets --fix wrong_extension -y")
    capsys.readouterr()

    report = run("%check_data pets --fix wrong_extension -y")

    assert capsys.readouterr().out.startswith("Nothing to move: pets has no such files.")
    assert report.kinds


def test_labels_say_what_they_need(run, pets):
    report = run("%check_data pets --labels")

    assert "no run has kept the features" in report.findings.note
    assert report.findings.note in repr(report)
    assert "no run has kept" in report._repr_html_()


def test_wrong_arguments_are_refused(run, pets):
    with pytest.raises(errors.BadSetting, match="--fix has no kind 'blury'"):
        run("%check_data pets --fix blury")
    with pytest.raises(errors.BadSetting, match="--put-back checks nothing"):
        run("%check_data pets --put-back --labels")
    with pytest.raises(errors.BadData, match="'pet' does not exist") as missing:
        run("%check_data pet")
    assert "Did you mean" in missing.value.fix


def test_explain_says_what_is_read_and_moved(run, pets):
    before = read_files(pets)

    assert "reads each file below pets once" in run("%check_data pets --explain")
    assert "pets/.quarantine/TIME" in run("%check_data pets --fix --labels --explain")
    assert "back into pets" in run("%check_data pets --put-back --explain")
    assert read_files(pets) == before


def test_where_nothing_can_be_updated_the_progress_is_a_line_now_and_then(run, capsys, monkeypatch):
    monkeypatch.setattr(reading.LinePace, "is_due", lambda _: True)

    with reading.show_reading(run.shell) as progress:
        progress(3, 1200)

    assert capsys.readouterr().out == "Reading: 3 of 1,200 files\n"

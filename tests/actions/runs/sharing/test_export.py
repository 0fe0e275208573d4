from __future__ import annotations

import hashlib
import zipfile
from contextlib import chdir

import pytest

from dl_magics.actions.runs.sharing import export
from dl_magics.errors import CannotChange, DamagedRun, WrongState
from dl_magics.runs import log
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.report.page import write_report
from dl_magics.runs.tag import write_tag
from dl_magics.training import recorder
from dl_magics.training.run import Run
from support import run_events

NAME = "2026-11-22_dogs"
MODEL = b"weights" * 1000


@pytest.fixture
def folder(home):
    """The folder of a run with all that a run leaves, and with what is of this computer only."""
    ended = RunEnded(status="done", files={"model.keras": hashlib.sha256(MODEL).hexdigest()})
    made = run_events.write_log(
        home / "runs" / NAME, run_events.make_events(run_events.epoch(1), ended=ended)
    )
    (made / "model.keras").write_bytes(MODEL)
    recorder.write_recipe(made, {"model": "VGG16"})
    write_report(made, Run(made).state)
    write_tag(made, "baseline")
    (made / "stop").write_text("")
    return made


def test_a_zip_holds_model_recipe_events_report_and_tag(folder, tmp_path):
    file = tmp_path / "run.zip"

    said = export.write_export(export.plan_export(NAME, str(file)))

    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = ["model.keras", "recipe.json", "events.jsonl", "report.html", "tag.txt"]
        assert archive.namelist() == [f"{NAME}/{name}" for name in names]
        for name in names:
            assert archive.read(f"{NAME}/{name}") == (folder / name).read_bytes()
    assert said.startswith(f"{file}: 5 files of {NAME}, ")


def test_without_a_file_or_with_a_folder_the_zip_has_the_name_of_the_run(folder, tmp_path):
    with chdir(tmp_path):
        assert export.plan_export(NAME).file.absolute() == tmp_path / f"{NAME}.zip"
    assert export.plan_export(NAME, str(tmp_path)).file == tmp_path / f"{NAME}.zip"


def test_a_file_that_is_there_is_left_where_the_export_fails(folder, tmp_path):
    file = tmp_path / "run.zip"
    file.write_text("mine")
    (folder / "model.keras").write_bytes(b"other")
    planned = export.plan_export(NAME, str(file))

    assert planned.replaces
    with pytest.raises(DamagedRun, match="is not the file that the run saved"):
        export.write_export(planned)

    assert file.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".zip"] == ["run.zip"]


def test_a_missing_model_is_named(folder, tmp_path):
    (folder / "model.keras").unlink()

    with pytest.raises(DamagedRun, match=r"lacks model\.keras"):
        export.write_export(export.plan_export(NAME, str(tmp_path / "run.zip")))


def test_a_link_in_the_folder_of_a_run_is_not_followed(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(tmp_path / "secret")

    with pytest.raises(DamagedRun, match="is not a file of the run"):
        export.write_export(export.plan_export(NAME, str(tmp_path / "run.zip")))

    assert not (tmp_path / "run.zip").exists()


def test_a_running_run_and_a_missing_folder_are_refused(folder, tmp_path):
    with pytest.raises(CannotChange, match="missing' is not a folder"):
        export.plan_export(NAME, str(tmp_path / "missing" / "run.zip"))
    (folder / log.FILE_NAME).unlink()
    with LogWriter(folder) as writer:
        writer.append(run_events.make_events()[0])
        with pytest.raises(WrongState, match="is running"):
            export.plan_export(NAME)


def test_a_folder_that_cannot_be_written_is_named(folder, tmp_path):
    with pytest.raises(CannotChange, match="cannot be written: File name too long"):
        export.plan_export(NAME, str(tmp_path / ("x" * 300)))
    # The name of the file beside it, which replaces it in one step, is longer.
    planned = export.plan_export(NAME, str(tmp_path / ("x" * 250)))
    with pytest.raises(CannotChange, match="cannot be written: File name too long"):
        export.write_export(planned)

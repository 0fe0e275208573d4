from __future__ import annotations

import shutil

from dl_magics.training.evaluation.report import Report
from dl_magics.training.run import Run


def test_a_report_has_what_the_model_says_of_the_images_and_pictures_of_the_errors(run):
    shutil.rmtree(run.path / "evaluation")

    report = run.report()

    page = report.path.read_text("utf-8")
    assert report.path == run.path / "report.html"
    assert report.note == ""
    assert "On the validation images" in page
    assert 'class="matrix"' in page
    assert (run.path / "evaluation" / "examples.json").exists() == ("labelled" in page)


def test_a_report_of_images_that_are_gone_says_what_it_lacks(run, tmp_path):
    shutil.copy(run.path / "events.jsonl", tmp_path)
    shutil.copy(run.path / "model.keras", tmp_path)
    lines = (tmp_path / "events.jsonl").read_text().replace("photos", "gone")
    (tmp_path / "events.jsonl").write_text(lines)

    report = Run(tmp_path).report()

    assert "Without what the model says of the images: " in report.note
    assert "are not in" in repr(report)
    assert report.path.is_file()


def test_a_report_shows_its_file_as_text(tmp_path):
    shown = Report(tmp_path / "<b>.html", "a note")

    assert repr(shown).splitlines() == [f"{tmp_path}/<b>.html", "a note"]
    assert "<code>" in shown._repr_html_()
    assert "&lt;b&gt;.html" in shown._repr_html_()

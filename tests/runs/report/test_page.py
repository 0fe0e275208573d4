from __future__ import annotations

import re
import sys

from dl_magics.runs.events import DataChecked, RunEnded
from dl_magics.runs.report.page import write_report
from dl_magics.runs.state import replay_events
from support import run_events

DONE = RunEnded(status="done", seconds={"head": 1.0})
SCRIPT = "<script>alert(1)</script>"


def test_the_report_shows_metrics_images_recipe_and_versions(tmp_path):
    state = replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))

    path = write_report(tmp_path, state)

    page = path.read_text("utf-8")
    assert path == tmp_path / "report.html"
    assert "val_accuracy 0.800" in page
    assert "<tr><td>dogs</td><td>8</td><td>2</td></tr>" in page
    assert "&quot;model&quot;: &quot;VGG16&quot;" in page
    assert "&quot;keras&quot;: &quot;3.15.1&quot;" in page
    assert "CPU (x86_64, 2 cores)" in page


def test_a_run_without_a_keras_model_has_no_lines_that_load_it(tmp_path):
    state = replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))

    assert "load_model" not in write_report(tmp_path, state).read_text("utf-8")


def test_the_report_of_a_run_that_did_not_start_has_recipe_host_and_reason(tmp_path):
    ended = RunEnded(
        status="failed",
        seconds={"start": 3.0},
        error="The GPU is too old.",
        recipe={"model": "VGG16", "data": "photos/dogscats"},
        host={"name": "gpu", "type": "p2.xlarge"},
    )

    page = write_report(tmp_path, replay_events(run_events.stamp([ended]))).read_text()

    assert "VGG16 on dogscats · did not start on gpu (p2.xlarge)" in page
    assert "The GPU is too old." in page
    assert "<p>gpu (p2.xlarge)</p>" in page
    assert "&quot;model&quot;: &quot;VGG16&quot;" in page
    assert "3.0 s" not in page


def test_the_report_loads_no_other_file(tmp_path):
    state = replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))

    page = write_report(tmp_path, state).read_text("utf-8")

    assert "http" not in page
    assert not re.search(r"<(script|link|iframe|object)|@import|url\(|\bon\w+=", page)
    assert all(source.startswith("data:image/png;base64,") for source in sources(page))
    assert len(sources(page)) == 1


def test_without_matplotlib_the_report_has_no_curves(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    state = replay_events(
        run_events.make_events(run_events.epoch(1), run_events.resumed(at=2, epoch=2), ended=DONE)
    )

    page = write_report(tmp_path, state).read_text("utf-8")

    assert sources(page) == []
    assert "<td>★ 1</td>" in page
    assert "Interrupted and resumed after epoch 1." in page


def test_names_are_escaped_in_the_report(tmp_path):
    checked = DataChecked(images=1, skipped=[{"path": f"{SCRIPT}.png", "reason": SCRIPT}])
    state = replay_events(
        run_events.make_events(checked, ended=DONE, classes=[SCRIPT, "b"], data=SCRIPT)
    )

    page = write_report(tmp_path, state).read_text("utf-8")

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_report_of_a_run_without_epochs_has_no_curves(tmp_path):
    ended = RunEnded(status="failed", error="It rained.", fix="Take an umbrella.")

    page = write_report(tmp_path, replay_events(run_events.make_events(ended=ended))).read_text(
        "utf-8"
    )

    assert sources(page) == []
    assert "It rained.<br>Take an umbrella." in page


def test_a_report_is_replaced_atomically(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    write_report(folder, replay_events(run_events.make_events(run_events.epoch(1), ended=DONE)))

    write_report(folder, replay_events(run_events.make_events(data="photos/others", ended=DONE)))

    assert [each.name for each in folder.iterdir()] == ["report.html"]
    assert "others" in (folder / "report.html").read_text("utf-8")


def sources(page):
    return re.findall(r'src="([^"]*)"', page)

from __future__ import annotations

from dataclasses import replace

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.remote_runs import RemoteRuns
from dl_magics.actions.runs.run_table import Runs, format_size
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded, RunStarted
from dl_magics.training.run import Run
from support import run_events


def test_a_run_is_listed_with_accuracy_size_and_place(tmp_path):
    story = run_events.make_events(run_events.epoch(1), ended=RunEnded(status="done"))
    here = run_events.write_log(tmp_path / "here", story)
    (here / "model.keras").write_bytes(b"x" * 59_000_000)
    host = {"name": "gpu"}
    story = [
        RunStarted(**{**vars(each), "host": host}) if isinstance(each, RunStarted) else each
        for each in story
    ]
    there = run_events.write_log(tmp_path / "there", story)

    shown = repr(Runs([Run(here), Run(there)], RemoteRuns("gpu", ("theirs",)))).splitlines()

    assert shown[0].startswith("2 runs on this computer occupy 59 MB")
    assert shown[0].endswith("%runs --delete NAME frees its space")
    assert " ".join(shown[2].split()) == ("here VGG16 on dogscats done 0.800 59 MB this computer")
    assert shown[3].split()[-1] == "gpu"
    assert " ".join(shown[4].split()) == "theirs only on gpu · %attach theirs"


def test_a_run_that_did_not_start_is_listed_with_recipe_reason_and_place(tmp_path):
    ended = RunEnded(
        status="failed",
        error="The GPU is too old.",
        recipe={"model": "VGG16", "data": "photos/dogscats"},
        host={"name": "gpu"},
    )
    run = Run(run_events.write_log(tmp_path / "run", run_events.stamp([ended])))

    _, _, shown = repr(Runs([run])).splitlines()

    assert "VGG16 on dogscats  did not start on gpu: The GPU is too old." in shown
    assert shown.split()[-1] == "gpu"


def test_a_run_on_a_host_whose_events_are_not_here_yet_is_listed_there(tmp_path):
    run = Run(run_events.write_log(tmp_path / "run", []))
    remote_origin.save(run.path, replace(run_events.ORIGIN, is_complete=False))

    _, _, shown = repr(Runs([run])).splitlines()

    assert shown.split()[-1] == "gpu"


def test_a_word_that_no_run_has_is_named_with_the_number_of_runs(home):
    story = run_events.make_events(run_events.epoch(1), ended=RunEnded(status="done"))
    nothing = repr(runs.list_runs("nosuch"))
    for name in ("2026-11-22_first", "2026-11-23_second"):
        run_events.write_log(home / "runs" / name, story)

    shown = runs.list_runs("nosuch")

    assert nothing.startswith("No runs yet: ")
    assert len(shown) == 0
    assert repr(shown) == "Of 2 runs none has 'nosuch' in its name or tag: %runs lists all."
    assert "Of 2 runs none has" in shown._repr_html_()
    assert len(runs.list_runs("second")) == 1


def test_sizes_are_rounded():
    assert [*map(format_size, (4_200, 59_000_000, 3_100_000_000))] == ["4 kB", "59 MB", "3.1 GB"]

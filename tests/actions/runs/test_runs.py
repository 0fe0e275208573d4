from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.actions.runs import overview, runs
from dl_magics.errors import NoSuchRun
from dl_magics.runs import stop_request
from dl_magics.runs.events import RunEnded, stamp_events
from dl_magics.runs.log import FILE_NAME, LogWriter
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from support import run_events

DONE = RunEnded(status="done")
WRITE = """
import sys
from pathlib import Path
from support import run_events
from dl_magics.runs.events import RunEnded, stamp_events
from dl_magics.runs import stop_request
from dl_magics.runs.log import LogWriter

story = run_events.make_events(*map(run_events.epoch, range(1, 5)), ended=RunEnded(status="done"))
with LogWriter(Path(sys.argv[1])) as lines:
    for event in story:
        lines.append(event)
        print(event.n, flush=True)
        sys.stdin.readline()
"""


def make_run(home, name, ended=DONE, **about):
    return Run(
        run_events.write_log(home / "runs" / name, run_events.make_events(ended=ended, **about))
    )


@pytest.fixture
def writer(tmp_path):
    """A run in another process, one event for each line that it gets."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "tests"},
    )
    assert process.stdout.readline() == b"1\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("data/dogscats", "vgg16_dogscats"),
        ("data/dogs_and cats/", "vgg16_dogs-and-cats"),
        ("data/DogsCats", "vgg16_dogscats"),
        ("data/Кошки", "vgg16"),
        ("/", "vgg16"),
        ("~nobody-has-this-name/photos", "vgg16_photos"),
        ("../..", "vgg16"),
    ],
)
def test_a_folder_is_named_for_time_model_and_data(home, data, name):
    folder = runs.create_folder(Recipe(data=data))

    assert folder.parent == home / "runs"
    assert folder.is_dir()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d_\d{{6}}_{name}", folder.name)


def test_the_current_folder_is_named_by_its_full_path(home, tmp_path, monkeypatch):
    (tmp_path / "flowers").mkdir()
    monkeypatch.chdir(tmp_path / "flowers")

    assert runs.create_folder(Recipe(data=".")).name.endswith("_vgg16_flowers")


def test_runs_of_the_same_second_get_different_folders(home):
    folders = [runs.create_folder(Recipe(data="dogscats")) for _ in range(5)]

    assert len(set(folders)) == 5
    assert all(folder.is_dir() for folder in folders)


@settings(deadline=None, max_examples=60)
@given(data=st.text(min_size=1, max_size=400))
def test_any_data_name_gives_a_plain_folder_name(data):
    with tempfile.TemporaryDirectory() as room, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", room)

        folder = runs.create_folder(Recipe(data=data))

        assert folder.parent == Path(room, "runs")
        assert re.fullmatch(r"[0-9_-]+vgg16[a-z0-9_-]*", folder.name)
        assert len(folder.name) < 100


def test_an_empty_list_says_how_to_create_a_run(home):
    listed = runs.list_local_runs()

    assert listed == []
    assert repr(listed) == "No runs yet: %%finetune data/dogscats creates one."
    assert "No runs yet" in listed._repr_html_()


def test_runs_are_listed_newest_first(home):
    for day in (3, 5, 4):
        make_run(home, f"2026-11-0{day}_120000_vgg16_dogs")
    (home / "runs" / "2026-11-09_empty").mkdir()

    listed = runs.list_local_runs()

    assert [run.name[:10] for run in listed] == ["2026-11-05", "2026-11-04", "2026-11-03"]
    title, heads, first, *_ = repr(listed).splitlines()
    assert title.startswith("3 runs on this computer occupy ")
    assert heads.split("  ")[0] == "run"
    assert first.split()[:5] == ["2026-11-05_120000_vgg16_dogs", "VGG16", "on", "dogscats", "done"]
    assert listed._repr_html_().count("<tr>") == 1 + 3


def test_names_are_escaped_in_the_list(home):
    make_run(home, "2026_<b>", data="<script>")

    page = runs.list_local_runs()._repr_html_()

    assert "<script" not in page
    assert "<b>" not in page


def test_without_a_name_the_newest_run_is_found(home):
    make_run(home, "2026-11-03_old")
    make_run(home, "2026-11-04_new")

    assert runs.find_run().name == "2026-11-04_new"


SUNDAY = 1792888200.0  # 2026-10-25 00:30 UTC: 02:30 in Berlin, an hour before it comes again
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture
def set_time_zone(monkeypatch):
    def change(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zones", "seconds"),
    [
        ((BERLIN, "EST5EDT,M3.2.0,M11.1.0"), 1800),
        (("JST-9", "HST10"), 1),
        ((BERLIN, BERLIN), 1800),
    ],
    ids=["flight to New York", "over the date line", "hour that comes twice"],
)
@pytest.mark.parametrize("skew", [0, -400], ids=["own clock", "slow clock of a host"])
def test_the_newest_run_is_the_one_that_was_started_last(home, set_time_zone, zones, seconds, skew):
    names = []
    for zone, start in zip(zones, (SUNDAY, SUNDAY + seconds), strict=True):
        set_time_zone(zone)
        names.append(time.strftime("%Y-%m-%d_%H%M%S_vgg16_dogs", time.localtime(start)))
        clock = itertools.count(start + skew + 20).__next__
        events = stamp_events(run_events.make_events(ended=DONE), clock)
        run_events.write_log(home / "runs" / names[-1], list(events))

    assert names[0] > names[1]
    assert runs.find_run().name == names[1]
    assert [folder.name for folder in overview.list_folders(1)] == [names[1]]
    assert [run.name for run in runs.list_runs()] == names[::-1]


def test_a_run_is_found_by_its_name_or_a_part_of_it(home):
    make_run(home, "2026-11-03_vgg16_dogs")
    make_run(home, "2026-11-04_vgg16_cats")

    assert runs.find_run("2026-11-03_vgg16_dogs").name == "2026-11-03_vgg16_dogs"
    assert runs.find_run("cats").name == "2026-11-04_vgg16_cats"


def test_an_exact_name_takes_precedence_over_a_part(home):
    make_run(home, "2026-11-03_dogs")
    make_run(home, "2026-11-03_dogs-2")

    assert runs.find_run("2026-11-03_dogs").name == "2026-11-03_dogs"


def test_a_part_that_matches_several_runs_lists_them(home):
    make_run(home, "2026-11-03_dogs")
    make_run(home, "2026-11-04_dogs")

    with pytest.raises(NoSuchRun) as caught:
        runs.find_run("dogs")

    assert caught.value._render_traceback_() == [
        "NoSuchRun: 2 runs match 'dogs': 2026-11-04_dogs, 2026-11-03_dogs",
        "  Name one of them in full: 2026-11-04_dogs",
    ]


def test_an_unknown_name_is_refused(home):
    make_run(home, "2026-11-03_dogs")

    with pytest.raises(NoSuchRun) as caught:
        runs.find_run("frogs")

    assert caught.value._render_traceback_() == [
        "NoSuchRun: No run matches 'frogs'.",
        "  %runs lists them.",
    ]


@pytest.mark.parametrize("name", ["", "dogs"])
def test_without_runs_the_error_says_how_to_create_one(home, name):
    with pytest.raises(NoSuchRun) as caught:
        runs.find_run(name)

    assert caught.value.fix == "%%finetune data/dogscats creates one."


def test_follow_yields_all_events_of_an_ended_run(home):
    run = make_run(home, "ended")

    events = list(runs.follow(run))

    assert [event.n for event in events] == [1, 2]
    assert events[-1].status == "done"


def test_follow_yields_new_events_of_another_process(tmp_path, writer):
    def next_line(_seconds):
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        writer.stdout.readline()

    events = runs.follow(Run(tmp_path), sleep=next_line)
    first = next(events)
    assert Run(tmp_path).status == "running"

    rest = list(events)

    assert [event.n for event in (first, *rest)] == [1, 2, 3, 4, 5, 6]
    assert rest[-1].status == "done"


def test_a_run_killed_while_followed_is_interrupted(tmp_path, writer):
    def kill(_seconds):
        writer.kill()
        writer.wait()

    events = list(runs.follow(Run(tmp_path), sleep=kill))

    assert [event.n for event in events] == [1, 2]
    assert events[-1] == RunEnded(n=2, t=events[0].t, status="interrupted")


def test_a_run_killed_in_the_middle_of_a_line_is_interrupted(home):
    run = make_run(home, "torn", ended=None)
    with (run.path / FILE_NAME).open("ab") as file:
        file.write(b'{"n":2,"t":1,"kind":"epo')

    assert [event.kind for event in runs.follow(run)] == ["run_started", "run_ended"]


def test_follow_waits_for_the_first_event_of_an_open_log(tmp_path):
    story = run_events.make_events(ended=DONE)
    lines = LogWriter(tmp_path)

    def write(_seconds):
        lines.append(story.pop(0))
        if not story:
            lines.__exit__(None, None, None)

    assert [event.n for event in runs.follow(Run(tmp_path), sleep=write)] == [1, 2]


def test_a_stop_can_be_requested_from_another_process(home):
    run = make_run(home, "going", ended=None)
    assert not stop_request.is_stop_requested(run.path)

    code = (
        "import sys; from pathlib import Path; from dl_magics.actions.runs import runs;"
        "from dl_magics.training.run import Run; runs.request_stop(Run(Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=True, env={**os.environ})

    assert stop_request.is_stop_requested(run.path)


def test_several_threads_can_follow_the_same_run(home):
    run = make_run(home, "ended")
    seen = []

    threads = [Thread(target=lambda: seen.append(list(runs.follow(run)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 4
    assert all(events == seen[0] for events in seen)


def test_the_newest_interrupted_run_is_resumed(home):
    make_run(home, "2026-11-03_old", ended=None)
    make_run(home, "2026-11-04_killed", ended=None)
    make_run(home, "2026-11-05_interrupted", ended=RunEnded(status="interrupted"))
    make_run(home, "2026-11-06_done")
    run_events.write_log(home / "runs" / "2026-11-07_never-begun", [])

    assert runs.list_resumable_names() == [
        "2026-11-05_interrupted",
        "2026-11-04_killed",
        "2026-11-03_old",
    ]
    assert runs.find_resumable().name == "2026-11-05_interrupted"
    assert runs.find_resumable("old").name == "2026-11-03_old"


@pytest.mark.parametrize("status", ["done", "stopped", "failed"])
def test_without_an_interrupted_run_resume_says_what_became_of_the_newest(home, status):
    make_run(home, "2026-11-05_older")
    make_run(home, "2026-11-06_newest", ended=RunEnded(status=status))

    with pytest.raises(NoSuchRun) as caught:
        runs.find_resumable()

    assert caught.value._render_traceback_() == [
        "NoSuchRun: There is no interrupted run. The run 2026-11-06_newest has already ended with "
        f"the status {status}.",
        "  For a new run, run the cell again (its features are kept) · see it: %attach "
        "2026-11-06_newest",
    ]


def test_without_any_run_resume_says_how_to_create_one(home):
    with pytest.raises(NoSuchRun, match="There are no runs yet") as caught:
        runs.find_resumable()

    assert caught.value.fix == "%%finetune data/dogscats creates one."


def test_resume_names_a_newest_run_that_never_began_or_is_damaged(home):
    run_events.write_log(home / "runs" / "2026-11-07_never-begun", [])
    with pytest.raises(NoSuchRun, match="2026-11-07_never-begun had not begun when it was"):
        runs.find_resumable()

    damaged = make_run(home, "2026-11-08_damaged")
    (damaged.path / FILE_NAME).write_text("no event\n")
    with pytest.raises(NoSuchRun, match=r"There is no interrupted run\. .*2026-11-08_damaged"):
        runs.find_resumable()


def test_follow_yields_the_events_before_and_after_a_resumption(home):
    story = run_events.make_events(
        *(run_events.epoch(1), RunEnded(status="interrupted"), run_events.resumed(at=3, epoch=2)),
        run_events.epoch(2),
        ended=DONE,
    )
    run = Run(run_events.write_log(home / "runs" / "broken", story))

    assert list(runs.follow(run)) == story
    assert run.status == "done"
    assert len(run.history["loss"]) == 2

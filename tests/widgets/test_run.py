from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from dl_magics.runs.events import DataChecked, PhaseStarted, Progressed, RunEnded, Warned
from dl_magics.runs.state import RunState, replay_events
from dl_magics.runs.workers.lines import format_workers
from dl_magics.widgets.run import RunWidget, notes, title
from support import run_events


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def drawn(widget):
    """Count how often the widget is drawn from now on."""
    times = []
    widget.observe(lambda change: times.append(change["new"]), "progress")
    return times


def progressed(n):
    return replay_events(
        run_events.make_events(
            Progressed(done=n, total=1000, images_per_second=1.0, seconds_left=1.0)
        )
    )


def send(widget, content):
    message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    widget._handle_msg(message)


def test_the_widget_is_updated_at_most_four_times_a_second(clock):
    widget = RunWidget(clock=clock)
    times = drawn(widget)

    for n in range(1000):
        clock.now = 100 + n / 100
        widget.show(progressed(n + 1))

    assert len(times) == 40
    assert times[0]["done"] == 1


def test_the_first_state_is_sent_at_once(clock):
    widget = RunWidget(clock=clock)

    widget.show(progressed(7))

    assert widget.progress["done"] == 7


@pytest.mark.parametrize("status", ["done", "stopped", "failed", "interrupted"])
def test_the_last_state_is_always_sent(clock, status):
    widget = RunWidget(clock=clock)
    widget.show(progressed(7))

    widget.show(
        replay_events(run_events.make_events(run_events.epoch(1), ended=RunEnded(status=status)))
    )

    assert widget.progress["status"] == status
    assert len(widget.epochs) == 1


def test_the_widget_shows_phase_and_progress(clock):
    story = run_events.make_events(
        PhaseStarted(phase="features", total=10, unit="images", kept=4),
        Progressed(done=6, total=10, images_per_second=3.5, seconds_left=1.5),
    )
    widget = RunWidget(clock=clock)

    widget.show(replay_events(story))

    assert widget.about == {
        "title": "VGG16 · 2 classes · 16 + 4 images",
        "device": "CPU (x86_64, 2 cores)",
        "host": "",
        "epochs_asked": 5,
    }
    assert widget.progress == {
        "status": "running",
        "phase": "features",
        "unit": "images",
        "done": 6,
        "total": 10,
        "images_per_second": 3.5,
        "seconds_left": 1.5,
        "seconds": 1.0,
        "cost": "",
        "copying": "",
    }


def test_each_worker_of_a_crew_has_a_row(clock):
    worker = {"images_per_second": 12.4, "dollars_per_hour": 0.5}
    workers = [
        {"name": "crew-1", "state": "computing", "images": 30, "dollars": 0.0512, **worker},
        {"name": "crew-2\x1b", "state": "lost", "images": 10, "dollars": None, **worker},
    ]
    story = run_events.make_events(
        PhaseStarted(phase="features", total=100, unit="images"),
        Progressed(done=40, total=100, images_per_second=1.0, seconds_left=60.0, workers=workers),
    )
    widget = RunWidget(clock=clock)

    widget.show(replay_events(story))

    assert [list(row.values()) for row in widget.workers] == [
        ["crew-1", "30", "75 %", "12.4", "$0.0512", "", "computing"],
        ["crew-2\\x1b", "10", "25 %", "", "", "lost, is started again", "lost"],
    ]
    assert list(format_workers(replay_events(story))) == [
        "crew-1: 30 images (75 %), 12.4 images/s, $0.0512",
        "crew-2\\x1b: 10 images (25 %), lost, is started again",
    ]
    head = PhaseStarted(n=9, t=story[-1].t + 1, phase="head", total=5, unit="epochs")
    assert list(format_workers(replay_events([*story, head]))) == [
        "crew-1: 30 images (75 %), $0.0512 for the features",
        "crew-2\\x1b: 10 images (25 %)",
    ]


def test_a_run_with_a_crew_says_how_many_they_are(clock):
    state = replay_events(run_events.make_events())
    host = {"name": "crew-1, crew-2", "type": "2 × g4dn.xlarge", "count": 2, "local": True}
    widget = RunWidget(clock=clock)

    widget.show(replace(state, host=host))

    assert widget.about["host"] == "features on 2 × g4dn.xlarge"


def test_a_run_on_an_instance_shows_host_and_cost(clock):
    state = replay_events(run_events.make_events())
    host = {"name": "evening", "id": "i-1", "dollars_per_hour": 3600.0}
    widget = RunWidget(clock=clock)

    widget.show(replace(state, host=host, at=state.started_at + 2))

    assert widget.about["host"] == "on evening"
    assert widget.progress["cost"] == "$2.00"


def test_after_its_end_on_a_host_a_run_shows_what_is_copied(clock):
    state = replay_events(run_events.make_events(ended=RunEnded(status="done", files={"m": "0"})))
    widget = RunWidget(clock=clock)

    widget.show(replace(state, host={"name": "evening"}, sizes={"m": 2_000_000}))

    copying = "copying 2.0 MB of results from evening, then checking them"
    assert widget.progress["copying"] == copying


def test_an_unknown_price_is_shown_as_unknown(clock):
    state = replace(
        replay_events(run_events.make_events()), host={"name": "evening", "dollars_per_hour": None}
    )
    widget = RunWidget(clock=clock)

    widget.show(state)

    assert widget.progress["cost"] == "unknown"


@settings(deadline=None, max_examples=30)
@given(run_events.event_lists())
def test_any_run_can_be_sent_as_json(events):
    clock = Clock()
    widget = RunWidget(clock=clock)

    state = RunState()
    for event in events:
        clock.now += 1
        state = state.apply(event)
        widget.show(state)

    assert widget.progress["status"] == state.status
    assert len(widget.epochs) == len(state.epochs)
    assert json.dumps([widget.about, widget.progress, widget.epochs, widget.notes])
    widget.close()


def test_pressing_stop_calls_on_stop(clock):
    pressed = []
    widget = RunWidget(on_stop=lambda: pressed.append(1), clock=clock)

    send(widget, {"type": "stop"})

    assert pressed == [1]
    assert widget.watches


@pytest.mark.parametrize(
    "garbage",
    [{}, {"type": "start"}, {"type": ["stop"]}, {"stop": True}, "stop", ["stop"], None, 17],
)
def test_other_messages_are_ignored(clock, garbage):
    pressed = []
    widget = RunWidget(on_stop=lambda: pressed.append(1), clock=clock)

    send(widget, garbage)

    assert pressed == []


def test_the_widget_of_the_training_cell_does_not_watch(clock):
    widget = RunWidget(clock=clock)

    send(widget, {"type": "stop"})

    assert not widget.watches


def test_before_the_first_event_the_widget_shows_that_keras_is_imported():
    assert title(RunState()) == "Starting: checking the images, importing Keras"


def test_warnings_and_skipped_files_are_listed():
    skipped = [{"path": f"cats/{i}.jpg", "reason": "empty file"} for i in range(4)]
    story = run_events.make_events(
        Warned(code="imbalance", text="dogs has few.", fix="Add some."),
        DataChecked(images=9, skipped=skipped),
    )

    assert notes(replay_events(story)) == [
        "dogs has few. Add some.",
        "4 files skipped (0.jpg: empty file; 1.jpg: empty file; 2.jpg: empty file …)",
    ]


def test_one_skipped_file_is_in_the_singular():
    story = run_events.make_events(
        DataChecked(images=9, skipped=[{"path": "a.jpg", "reason": "torn"}])
    )

    assert notes(replay_events(story)) == ["1 file skipped (a.jpg: torn)"]


def test_a_run_without_warnings_has_no_notes():
    assert notes(replay_events(run_events.make_events())) == []


def test_a_resumed_run_shows_where_it_was_interrupted():
    story = run_events.make_events(run_events.resumed(at=7, epoch=3, batches=1))

    assert notes(replay_events(story)) == ["Interrupted and resumed in epoch 3."]


def test_a_resumed_run_is_shown_as_running(clock):
    widget = RunWidget(clock=clock)
    story = run_events.make_events(
        run_events.epoch(1), RunEnded(status="interrupted"), run_events.resumed(at=3, epoch=1)
    )

    for n in (3, 4):
        widget.show(replay_events(story[:n]))
        clock.now += 1

    assert widget.progress["status"] == "running"
    assert widget.epochs == []

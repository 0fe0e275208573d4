from __future__ import annotations

import itertools
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.magics.display.live import (
    LineScreen,
    PlainScreen,
    WidgetScreen,
    attach,
    screen_for,
    watch,
)
from dl_magics.runs import stop_request
from dl_magics.runs.events import CheckpointSaved, PhaseStarted, Progressed, RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.state import RunState, replay_events
from dl_magics.training.run import Run
from support import run_events
from support.ec2_client import until

WIDGET = "application/vnd.jupyter.widget-view+json"
STORY = run_events.make_events(
    PhaseStarted(phase="head", total=5, unit="epochs"),
    run_events.epoch(1),
    ended=RunEnded(status="done"),
)
IN_A_KERNEL = SimpleNamespace(kernel=SimpleNamespace(get_parent=dict))


class Paper:
    """A screen that keeps what is drawn."""

    def __init__(self):
        self.shown, self.closed = [], []

    def show(self, state):
        self.shown.append(state)

    def close(self, state):
        self.closed.append(state)


@pytest.fixture
def outputs():
    """What a front end gets: the data of each output, and whether it replaces one."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()
    yield shell.display_pub.outputs
    InteractiveShell.clear_instance()


def failing(story):
    yield from story
    raise ZeroDivisionError


def test_a_burst_of_events_is_shown_completely_before_the_next_event(tmp_path, outputs):
    story = run_events.make_events(*map(run_events.epoch, range(1, 1000)))
    screen = WidgetScreen(IN_A_KERNEL, watched=Run(tmp_path))
    with LogWriter(tmp_path) as lines:
        for event in story:
            lines.append(event)
        watching = threading.Thread(target=attach, args=(Run(tmp_path), screen))
        watching.start()
        until(lambda: len(screen._widget.epochs) == 999)
        lines.append(RunEnded(n=len(story) + 1, status="done"))
    watching.join()


@pytest.mark.parametrize("screen", [LineScreen, lambda: PlainScreen(IN_A_KERNEL)])
@pytest.mark.parametrize(
    ("host", "said"),
    [
        ({"name": "gpu"}, "copying 61.3 MB of results from gpu, then checking them"),
        ({"local": True}, ""),
    ],
)
def test_after_its_end_on_a_host_a_run_says_what_is_copied(host, said, screen, capsys, outputs):
    story = run_events.make_events(
        PhaseStarted(phase="evaluate", total=5, unit="images"),
        CheckpointSaved(path="model.keras", sha256="0", size=61_300_000),
        ended=RunEnded(status="done", files={"model.keras": "0"}),
    )
    shown = screen()

    for n in range(len(story)):
        shown.show(replace(replay_events(story[: n + 1]), host=host))

    texts = capsys.readouterr().out + "".join(each["data"]["text/plain"] for each in outputs)
    assert said in texts
    assert ("copying" in texts) == bool(said)


def test_every_state_is_shown_and_the_last_one_stays():
    paper = Paper()

    last = watch(STORY, paper)

    assert [state.n for state in paper.shown] == [1, 2, 3, 4]
    assert paper.closed == [last]
    assert last.status == "done"


def test_an_error_leaves_the_last_state_on_the_screen():
    paper = Paper()

    with pytest.raises(ZeroDivisionError):
        watch(failing(STORY[:3]), paper)

    assert [state.n for state in paper.closed] == [3]


def test_a_terminal_gets_lines(shell):
    assert isinstance(screen_for(shell, "widget"), LineScreen)


@pytest.mark.parametrize(
    ("live", "screen"),
    [
        ("auto", WidgetScreen),
        ("widget", WidgetScreen),
        ("plain", PlainScreen),
        ("lines", LineScreen),
    ],
)
def test_a_browser_gets_a_widget_or_what_the_setting_names(outputs, live, screen):
    assert isinstance(screen_for(IN_A_KERNEL, live), screen)


def test_lines_show_progress_every_ten_seconds(capsys):
    now = [0.0]
    many = [
        Progressed(done=n, total=100, images_per_second=2.0, seconds_left=(100 - n) / 2)
        for n in range(1, 61)
    ]
    begun = PhaseStarted(phase="features", total=100, unit="images")
    screen = LineScreen(clock=lambda: now[0])

    for state in itertools.accumulate(
        run_events.make_events(begun, *many), RunState.apply, initial=RunState()
    ):
        screen.show(state)
        now[0] += 0.5

    assert capsys.readouterr().out.splitlines() == [
        "features: 0 of 100 images",
        "features: 20 of 100 images, 2.0 images/s, 40 s left",
        "features: 40 of 100 images, 2.0 images/s, 30 s left",
        "features: 60 of 100 images, 2.0 images/s, 20 s left",
    ]


def test_a_slow_start_has_no_line_of_progress(capsys):
    now = [0.0]
    screen = LineScreen(clock=lambda: now[0])

    now[0] = 20.0
    screen.show(replay_events(run_events.make_events()))

    assert capsys.readouterr().out == ""


def test_lines_show_each_phase_and_each_epoch_once(capsys):
    watch(STORY, LineScreen())

    assert capsys.readouterr().out.splitlines() == [
        "head: 0 of 5 epochs",
        "epoch 1: loss 0.5000, accuracy 0.9000, val_loss 0.5000, val_accuracy 0.8000 (best)",
        "VGG16 on dogscats: val_accuracy 0.800, val_loss 0.500, epoch 1 of 1 · done",
    ]


NOT_STARTED = RunEnded(
    n=1,
    t=1.0,
    status="failed",
    error="It rained.",
    fix="Wait.",
    recipe={"model": "VGG16", "data": "photos/dogscats"},
    host={"name": "gpu"},
)


@pytest.mark.parametrize("screen", [LineScreen, lambda: PlainScreen(IN_A_KERNEL)])
def test_an_interrupt_while_results_are_copied_stops_no_batch(screen, outputs, capsys):
    shown = screen()

    shown.show(replay_events(STORY[:-1]))
    shown.show_stopping()
    shown.show(replay_events(STORY))
    shown.show_stopping()

    said = [line for line in capsys.readouterr().out.splitlines() if "another" in line.lower()]
    assert [line.split(";")[0] for line in said] == [
        "Stopping at the next batch",
        "The run has ended",
    ]


def test_nothing_is_said_of_a_run_that_was_refused(capsys):
    watch([], LineScreen())

    assert capsys.readouterr().out == ""


def test_a_terminal_says_what_did_not_start_and_why_unless_its_cell_fails_with_that(capsys):
    watch([NOT_STARTED], LineScreen())
    watch([NOT_STARTED], LineScreen(shows_error=True))

    headline = "VGG16 on dogscats · did not start on gpu"
    shown = capsys.readouterr().out.splitlines()
    assert shown == [headline, headline, "It rained.", "  Wait."]


def test_a_notebook_says_what_did_not_start_and_why(outputs):
    watch([NOT_STARTED], WidgetScreen(IN_A_KERNEL))

    shown = outputs[-1]["data"]["text/plain"]
    assert shown == "VGG16 on dogscats · did not start on gpu\nIt rained.\n  Wait."


def test_the_widget_is_replaced_by_a_static_output(outputs):
    watch(STORY, WidgetScreen(IN_A_KERNEL))

    first, last = outputs
    assert WIDGET in first["data"]
    assert not first["update"]
    assert set(last["data"]) == {"text/plain", "text/html", "image/png"}
    assert last["update"]
    assert last["transient"] == first["transient"]


def test_a_note_above_the_widget_names_the_run_until_its_end(outputs):
    screen = WidgetScreen(IN_A_KERNEL, name="2026-11-03_dogs")
    note, widget = outputs
    assert WIDGET in widget["data"]
    assert note["data"]["text/plain"].startswith("The run 2026-11-03_dogs goes on")
    assert note["data"]["text/plain"].endswith("%attach 2026-11-03_dogs")

    watch(STORY, screen)

    removed = [each for each in outputs if each["transient"] == note["transient"]][-1]
    assert removed["data"] == {"text/plain": ""}


def test_the_widget_of_a_run_that_did_not_start_leaves_one_line(outputs):
    watch([], WidgetScreen(IN_A_KERNEL))

    assert outputs[-1]["data"]["text/plain"] == "The run did not start."


def test_the_widget_is_closed_when_the_run_has_ended(outputs):
    from ipywidgets.widgets.widget import _instances

    screen = WidgetScreen(IN_A_KERNEL)
    name = outputs[0]["data"][WIDGET]["model_id"]
    assert name in _instances

    watch(STORY, screen)

    assert name not in _instances


def test_stop_in_the_widget_of_a_watched_run_requests_a_stop(outputs, tmp_path):
    from ipywidgets.widgets.widget import _instances

    run = Run(run_events.write_log(tmp_path / "run", STORY[:2]))
    WidgetScreen(IN_A_KERNEL, watched=run)
    widget = _instances[outputs[0]["data"][WIDGET]["model_id"]]

    pressed = {"method": "custom", "content": {"type": "stop"}}
    widget._handle_msg({"content": {"data": pressed}, "buffers": []})

    assert widget.watches
    assert stop_request.is_stop_requested(run.path)


def test_plain_output_is_updated_and_replaced_by_a_static_output(outputs):
    watch(STORY, PlainScreen(IN_A_KERNEL))

    assert outputs[0]["data"]["text/plain"] == "Starting …"
    assert outputs[1]["data"]["text/plain"] == "VGG16 on dogscats · running\nstarting"
    assert set(outputs[-1]["data"]) == {"text/plain", "text/html", "image/png"}
    assert [each["update"] for each in outputs] == [False] + [True] * (len(outputs) - 1)
    assert len({str(each["transient"]) for each in outputs}) == 1


def test_plain_output_is_updated_at_most_four_times_a_second(outputs):
    screen = PlainScreen(IN_A_KERNEL)
    begun = time.monotonic()

    watch(run_events.make_events(*(run_events.epoch(n) for n in range(1, 300))), screen)

    assert len(outputs) - 2 <= 4 * (time.monotonic() - begun) + 1

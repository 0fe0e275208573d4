from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from dl_magics.runs.events import (
    CheckpointSaved,
    DataChecked,
    PhaseStarted,
    Progressed,
    RunEnded,
    Warned,
)
from dl_magics.runs.state import RunState, replay_events
from support import run_events

WARNED = Warned(code="imbalance", text="dogs has few.", fix="Add some.")
SKIPPED = {"path": "cats/9.jpg", "reason": "empty file"}


@given(run_events.stories())
def test_any_run_can_be_followed_event_by_event(events):
    state = RunState()
    for event in events:
        state = state.apply(event)

        assert (state.n, state.at) == (event.n, event.t)
    assert json.dumps(state.to_json())
    assert state.ended == isinstance(events[-1], RunEnded)
    epochs = []
    for event in events:
        if event.kind == "run_resumed":
            epochs = [each for each in epochs if each < event.epoch]
        elif event.kind == "epoch_ended":
            epochs.append(event.epoch)
    assert [each["epoch"] for each in state.epochs] == epochs


@given(run_events.stories().filter(lambda story: all(e.kind != "run_resumed" for e in story)))
def test_the_best_epoch_is_the_last_that_was_called_so(events):
    state = replay_events(events)

    best = [event.epoch for event in events if event.kind == "epoch_ended" and event.best]
    assert state.best == (state.best and {**state.best, "epoch": best[-1]})
    assert bool(state.best) == bool(best)


def test_before_its_first_event_a_run_is_nothing():
    state = replay_events([])

    assert state == RunState()
    assert state.status == ""
    assert not state.ended
    assert state.best is None


def test_a_run_that_started_is_running_and_knows_what_it_does():
    state = replay_events(run_events.story(epochs=7))

    assert state.status == "running"
    assert not state.ended
    assert state.classes == ("cats", "dogs")
    assert state.recipe["epochs"] == 7
    assert state.started_at == state.at > 0
    assert state.device == "CPU (x86_64, 2 cores)"


def test_a_phase_begins_with_what_an_earlier_run_kept():
    begun = PhaseStarted(phase="features", total=10, unit="images", kept=4)

    state = replay_events(run_events.story(begun))

    assert (state.phase, state.unit) == ("features", "images")
    assert (state.done, state.kept, state.total) == (4, 4, 10)


def test_progress_tells_how_far_and_how_fast():
    progress = Progressed(done=6, total=10, images_per_second=3.5, seconds_left=1.5)

    state = replay_events(run_events.story(progress))

    assert (state.done, state.total) == (6, 10)
    assert (state.images_per_second, state.seconds_left) == (3.5, 1.5)


def test_a_new_phase_forgets_how_long_the_last_one_would_take():
    progress = Progressed(done=6, total=10, images_per_second=3.5, seconds_left=1.5)
    begun = PhaseStarted(phase="head", total=5, unit="epochs")

    state = replay_events(run_events.story(progress, begun))

    assert (state.done, state.total, state.seconds_left) == (0, 5, 0.0)


def test_an_epoch_counts_as_done_and_is_kept():
    state = replay_events(run_events.story(run_events.epoch(1), run_events.epoch(2, best=False)))

    assert [each["epoch"] for each in state.epochs] == [1, 2]
    assert state.done == 2
    assert state.best["epoch"] == 1


def test_warnings_and_skipped_files_are_kept():
    checked = DataChecked(images=3, skipped=[SKIPPED])

    state = replay_events(run_events.story(WARNED, checked, WARNED))

    told = {"code": "imbalance", "text": "dogs has few.", "fix": "Add some."}
    assert state.warnings == (told, told)
    assert state.skipped == (SKIPPED,)


def test_a_checkpoint_changes_nothing_but_the_number():
    story = run_events.story(run_events.epoch(1), CheckpointSaved(path="model.keras", sha256="0"))

    before, after = replay_events(story[:-1]), replay_events(story)

    assert (before.n, after.n) == (2, 3)
    assert {**before.to_json(), "n": 0, "at": 0} == {**after.to_json(), "n": 0, "at": 0}


def test_a_run_that_failed_keeps_its_two_lines():
    ended = RunEnded(status="failed", error="It rained.", fix="Umbrella.", seconds={"head": 2.0})

    state = replay_events(run_events.story(ended=ended))

    assert state.ended
    assert (state.status, state.error, state.fix) == ("failed", "It rained.", "Umbrella.")
    assert state.seconds == {"head": 2.0}


def test_a_state_does_not_change_when_time_goes_on():
    first, second = run_events.story(run_events.epoch(1))
    before = RunState().apply(first)

    after = before.apply(second)

    assert before.epochs == ()
    assert len(after.epochs) == 1


INTERRUPTED = RunEnded(status="interrupted", seconds={"head": 9.0}, error="It rained.", fix="Wait.")


def test_a_run_that_goes_on_runs_again_somewhere_else():
    story = run_events.story(run_events.epoch(1), INTERRUPTED, run_events.resumed(at=3, epoch=2))

    state = replay_events(story)

    assert (state.status, state.ended) == ("running", False)
    assert (state.error, state.fix, state.seconds) == ("", "", {})
    assert (state.host["name"], state.device) == ("gpu", "Tesla T4")
    assert state.versions["keras"] == "3.16.0"
    assert state.resumed == ({"interrupted_at": 3, "epoch": 2, "batches": 0},)


def test_epochs_that_are_told_again_are_there_once():
    story = run_events.story(
        *(run_events.epoch(1), run_events.epoch(2), run_events.epoch(3, best=False)),
        *(run_events.resumed(at=4, epoch=2), run_events.epoch(2), run_events.epoch(3, best=False)),
    )

    assert [each["epoch"] for each in replay_events(story[:5]).epochs] == [1]
    assert [each["epoch"] for each in replay_events(story).epochs] == [1, 2, 3]
    assert replay_events(story).best["epoch"] == 2


def test_doubts_are_told_again_by_the_run_that_goes_on():
    state = replay_events(run_events.story(WARNED, run_events.resumed(at=2), WARNED))

    assert len(state.warnings) == 1


def test_the_time_away_is_not_time_that_it_ran():
    story = run_events.story(run_events.epoch(1), INTERRUPTED)
    later = replace(run_events.resumed(at=3), n=4, t=story[-1].t + 3600)
    ended = replace(RunEnded(status="done"), n=5, t=later.t + 2)

    state = replay_events([*story, later, ended])

    assert state.seconds_running == 1.0 + 2.0

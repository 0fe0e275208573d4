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
from dl_magics.runs.state import STORING, RunState, replay_events
from support import run_events

WARNED = Warned(code="imbalance", text="dogs has few.", fix="Add some.")
SKIPPED = {"path": "cats/9.jpg", "reason": "empty file"}


@given(run_events.event_lists())
def test_the_state_can_be_folded_event_by_event(events):
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


@given(run_events.event_lists().filter(lambda story: all(e.kind != "run_resumed" for e in story)))
def test_the_best_epoch_is_the_last_one_marked_best(events):
    state = replay_events(events)

    best = [event.epoch for event in events if event.kind == "epoch_ended" and event.best]
    assert state.best == (state.best and {**state.best, "epoch": best[-1]})
    assert bool(state.best) == bool(best)


def test_the_initial_state_is_empty():
    state = replay_events([])

    assert state == RunState()
    assert state.status == ""
    assert not state.ended
    assert state.best is None


def test_a_started_run_is_running_with_its_recipe_and_host():
    state = replay_events(run_events.make_events(epochs=7))

    assert state.status == "running"
    assert not state.ended
    assert state.classes == ("cats", "dogs")
    assert state.recipe["epochs"] == 7
    assert state.started_at == state.at > 0
    assert state.device == "CPU (x86_64, 2 cores)"


def test_a_phase_starts_at_what_an_earlier_run_kept():
    begun = PhaseStarted(phase="features", total=10, unit="images", kept=4)

    state = replay_events(run_events.make_events(begun))

    assert (state.phase, state.unit) == ("features", "images")
    assert (state.done, state.kept, state.total) == (4, 4, 10)


def test_progress_updates_count_and_speed():
    progress = Progressed(done=6, total=10, images_per_second=3.5, seconds_left=1.5)

    state = replay_events(run_events.make_events(progress))

    assert (state.done, state.total) == (6, 10)
    assert (state.images_per_second, state.seconds_left) == (3.5, 1.5)


def test_a_new_phase_resets_speed_and_time_left():
    progress = Progressed(done=6, total=10, images_per_second=3.5, seconds_left=1.5)
    begun = PhaseStarted(phase="head", total=5, unit="epochs")

    state = replay_events(run_events.make_events(progress, begun))

    assert (state.done, state.total, state.seconds_left) == (0, 5, 0.0)
    assert state.images_per_second == 0.0


def test_an_epoch_is_counted_and_stored():
    state = replay_events(
        run_events.make_events(run_events.epoch(1), run_events.epoch(2, best=False))
    )

    assert [each["epoch"] for each in state.epochs] == [1, 2]
    assert state.done == 2
    assert state.best["epoch"] == 1


def unfrozen(*middle, kept=0):
    """Return the state of a run that trained its head for one of two epochs, and then layers."""
    began = PhaseStarted(phase="unfrozen", total=3, unit="epochs", kept=kept)
    head = PhaseStarted(phase="head", total=2, unit="epochs")
    recipe = {"epochs": 2, "unfreeze": "block5", "unfreeze_epochs": 3}
    return replay_events(
        run_events.make_events(head, run_events.epoch(1), began, *middle, **recipe)
    )


def test_epochs_of_a_second_phase_are_counted_from_its_start():
    state = unfrozen(run_events.epoch(2, phase="unfrozen"), run_events.epoch(3, phase="unfrozen"))

    assert (state.phase, state.done, state.total) == ("unfrozen", 2, 3)
    assert [each["phase"] for each in state.epochs] == ["head", "unfrozen", "unfrozen"]
    assert state.epochs_asked == 1 + 3


def test_a_second_phase_counts_on_where_it_is_resumed():
    state = unfrozen(
        run_events.epoch(2, phase="unfrozen"),
        run_events.resumed(5, epoch=3),
        PhaseStarted(phase="unfrozen", total=3, unit="epochs", kept=1),
        run_events.epoch(3, phase="unfrozen"),
    )

    assert (state.done, state.epochs_before, state.epochs_asked) == (2, 1, 4)


def test_a_recipe_with_a_second_phase_asks_for_the_epochs_of_both():
    recipe = {"epochs": 2, "unfreeze": 4, "unfreeze_epochs": 3}

    adapters = {"epochs": 2, "lora_rank": 4, "unfreeze_epochs": 3}

    assert replay_events(run_events.make_events(**recipe)).epochs_asked == 5
    assert replay_events(run_events.make_events(**adapters)).epochs_asked == 5
    assert replay_events(run_events.make_events(epochs=2, unfreeze_epochs=3)).epochs_asked == 2


def test_what_is_being_stored_is_said_until_that_is_done():
    stores = Warned(code=STORING, text="183 MB are stored.", fix="")
    features = PhaseStarted(phase="features", total=9, unit="images")
    head = PhaseStarted(phase="head", total=2, unit="epochs")

    assert replay_events(run_events.make_events(stores, features)).warnings
    assert not replay_events(run_events.make_events(stores, features, head)).warnings


def test_warnings_and_skipped_files_are_stored():
    checked = DataChecked(images=3, skipped=[SKIPPED])

    state = replay_events(run_events.make_events(WARNED, checked, WARNED))

    warning = {"code": "imbalance", "text": "dogs has few.", "fix": "Add some."}
    assert state.warnings == (warning, warning)
    assert state.skipped == (SKIPPED,)


def test_a_saved_file_changes_only_the_number_and_its_size():
    story = run_events.make_events(
        run_events.epoch(1), CheckpointSaved(path="model.keras", sha256="0", size=61)
    )

    before, after = replay_events(story[:-1]), replay_events(story)

    assert (before.n, after.n) == (2, 3)
    assert after.sizes == {"model.keras": 61}
    anew = {"n": 0, "at": 0, "sizes": {}}
    assert {**before.to_json(), **anew} == {**after.to_json(), **anew}


def test_a_failed_run_keeps_its_error_and_fix():
    ended = RunEnded(status="failed", error="It rained.", fix="Umbrella.", seconds={"head": 2.0})

    state = replay_events(run_events.make_events(ended=ended))

    assert state.ended
    assert (state.status, state.error, state.fix) == ("failed", "It rained.", "Umbrella.")
    assert state.seconds == {"head": 2.0}


def test_a_state_is_immutable():
    first, second = run_events.make_events(run_events.epoch(1))
    before = RunState().apply(first)

    after = before.apply(second)

    assert before.epochs == ()
    assert len(after.epochs) == 1


INTERRUPTED = RunEnded(status="interrupted", seconds={"head": 9.0}, error="It rained.", fix="Wait.")


def test_a_resumed_run_is_running_on_its_new_host():
    story = run_events.make_events(
        run_events.epoch(1), INTERRUPTED, run_events.resumed(at=3, epoch=2)
    )

    state = replay_events(story)

    assert (state.status, state.ended) == ("running", False)
    assert (state.error, state.fix, state.seconds) == ("", "", {})
    assert (state.host["name"], state.device) == ("gpu", "Tesla T4")
    assert state.versions["keras"] == "3.16.0"
    assert state.resumed == ({"interrupted_at": 3, "epoch": 2, "batches": 0},)


def test_repeated_epochs_appear_once():
    story = run_events.make_events(
        *(run_events.epoch(1), run_events.epoch(2), run_events.epoch(3, best=False)),
        *(run_events.resumed(at=4, epoch=2), run_events.epoch(2), run_events.epoch(3, best=False)),
    )

    assert [each["epoch"] for each in replay_events(story[:5]).epochs] == [1]
    assert [each["epoch"] for each in replay_events(story).epochs] == [1, 2, 3]
    assert replay_events(story).best["epoch"] == 2


def test_a_resumed_run_drops_earlier_warnings():
    state = replay_events(run_events.make_events(WARNED, run_events.resumed(at=2), WARNED))

    assert len(state.warnings) == 1


def test_the_time_while_interrupted_is_not_running_time():
    story = run_events.make_events(run_events.epoch(1), INTERRUPTED)
    later = replace(run_events.resumed(at=3), n=4, t=story[-1].t + 3600)
    ended = replace(RunEnded(status="done"), n=5, t=later.t + 2)

    state = replay_events([*story, later, ended])

    assert state.seconds_running == 1.0 + 2.0

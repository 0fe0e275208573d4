from __future__ import annotations

import json
from itertools import count

import pytest

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.finetune import finetune, resume
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.errors import BadData, DLMagicsError, NotResumable, TrainingFailed
from dl_magics.runs import log
from dl_magics.runs.events import EpochEnded, RunEnded, RunStarted
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from support import tiny_keras

HERE = TrainingPlace("Trains on this computer.")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=6)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def home(shared, monkeypatch):
    monkeypatch.setenv("DL_MAGICS_HOME", str(shared))
    return shared


def never():
    return False


@pytest.fixture(scope="module")
def done(data, shared):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", str(shared))
        recipe = tiny_keras.recipe(data)
        folder = runs.create_folder(recipe)
        return Run(folder), list(finetune(recipe, folder, never, HERE))


def test_the_yielded_events_are_those_in_the_log(done):
    run, events = done

    assert list(log.read_events(run.path)) == events
    assert run.status == "done"


def test_a_run_folder_holds_recipe_log_model_and_report(done):
    run, _ = done

    names = {each.name for each in run.path.iterdir()}
    # What TensorFlow writes while it is imported: another test may have done that.
    assert names - {"messages.log"} == {
        "recipe.json",
        "events.jsonl",
        "model.keras",
        "report.html",
        "evaluation",
    }


def test_the_recipe_can_be_read_from_its_file(done, data):
    run, _ = done

    saved = json.loads((run.path / "recipe.json").read_text("utf-8"))

    assert Recipe.from_json(saved) == tiny_keras.recipe(data)


def test_the_report_shows_the_status(done):
    run, _ = done

    assert " · done</b>" in (run.path / "report.html").read_text("utf-8")


def test_an_event_is_logged_before_it_is_yielded(home, data):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)

    for event in finetune(recipe, folder, stop=lambda: True, place=HERE):
        assert list(log.read_events(folder))[-1] == event


def test_runs_share_features(done, home, data):
    recipe = tiny_keras.recipe(data, learning_rate=0.1)
    folder = runs.create_folder(recipe)

    events = finetune(recipe, folder, never, HERE)
    kept = next(event.kept for event in events if event.kind == "phase_started")
    events.close()

    assert kept == 12
    assert list((home / "features").glob("*/*.block"))


def test_a_run_that_fails_before_its_start_leaves_no_folder(home, tmp_path):
    recipe = tiny_keras.recipe(tmp_path / "nowhere")
    folder = runs.create_folder(recipe)

    with pytest.raises(BadData):
        list(finetune(recipe, folder, never, HERE))

    assert not folder.exists()


def test_a_features_folder_that_cannot_be_created_leaves_no_run(tmp_path, monkeypatch, data):
    monkeypatch.setenv("DL_MAGICS_HOME", str(tmp_path))
    (tmp_path / "features").write_text("in the way")
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)

    with pytest.raises((DLMagicsError, OSError)):
        list(finetune(recipe, folder, never, HERE))

    assert not folder.exists()


def test_a_run_that_fails_after_its_start_keeps_error_and_fix(home, data):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)
    (folder / "model.keras").mkdir()

    with pytest.raises(TrainingFailed) as caught:
        list(finetune(recipe, folder, never, HERE))

    state = Run(folder).state
    assert state.status == "failed"
    assert (state.error, state.fix) == (str(caught.value), caught.value.fix)
    assert str(caught.value) in (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("kind", [RunStarted, EpochEnded])
def test_a_run_closed_early_is_logged_as_interrupted(home, data, kind):
    recipe = tiny_keras.recipe(data, epochs=50)
    folder = runs.create_folder(recipe)
    events = finetune(recipe, folder, never, HERE)
    while not isinstance(next(events), kind):
        pass

    events.close()

    logged = list(log.read_events(folder))
    assert logged[-1].status == "interrupted"
    assert [event.n for event in logged] == list(range(1, len(logged) + 1))
    assert not log.is_being_written(folder)


def test_a_keyboard_interrupt_is_logged(home, data):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)
    asked = count(1)

    def interrupted():
        if next(asked) == 2:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        list(finetune(recipe, folder, interrupted, HERE))

    assert Run(folder).status == "interrupted"
    assert not log.is_being_written(folder)


def test_a_requested_stop_ends_the_run_with_its_best_weights(home, data):
    recipe = tiny_keras.recipe(data, epochs=100)
    folder = runs.create_folder(recipe)

    for event in finetune(recipe, folder, never, HERE):
        if isinstance(event, EpochEnded):
            runs.request_stop(Run(folder))

    run = Run(folder)
    assert run.status == "stopped"
    assert len(run.history["loss"]) == 1
    assert (folder / "model.keras").is_file()


def test_a_run_is_running_while_it_trains(home, data):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)
    events = finetune(recipe, folder, stop=lambda: True, place=HERE)
    next(events)

    assert Run(folder).status == "running"
    assert Run(folder).name in [run.name for run in runs.list_local_runs()]
    list(events)
    assert Run(folder).status == "stopped"


def test_resume_yields_the_new_events_and_ends_with_the_numbers_of_an_unbroken_run(
    home, data, done
):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)
    events = finetune(recipe, folder, never, HERE)
    while not isinstance(next(events), EpochEnded):
        pass
    events.close()

    before = list(log.read_events(folder))
    new = list(resume(runs.find_resumable(), never))

    assert [*before, *new] == list(log.read_events(folder))
    assert new[0].kind == "run_resumed"
    assert Run(folder).status == "done"
    assert Run(folder).history == done[0].history
    assert [event.status for event in tiny_keras.of_kind(RunEnded, new)] == ["done"]


def test_resuming_a_run_that_is_done_is_refused(done):
    run, events = done

    with pytest.raises(NotResumable):
        next(resume(run, never))

    assert list(log.read_events(run.path)) == events


def test_a_resumed_run_parses_each_line_of_its_log_once(home, data, monkeypatch):
    recipe = tiny_keras.recipe(data)
    folder = runs.create_folder(recipe)
    events = finetune(recipe, folder, never, HERE)
    while not isinstance(next(events), EpochEnded):
        pass
    events.close()
    starts = []
    new_lines = log.LogReader._new_lines

    def counted(self):
        lines = new_lines(self)
        if lines and self._path.parent == folder:
            starts.append(self._lines)
        return lines

    monkeypatch.setattr(log.LogReader, "_new_lines", counted)

    run = runs.find_resumable()
    list(resume(run, never))
    assert run.status == "done"
    assert "done" in repr(run)

    assert starts.count(0) == 1
    assert len(starts) == len(set(starts)) == 2

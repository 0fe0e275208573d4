"""A budget ends a run in time, with weights, whatever its steps take."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.runs.events import EpochEnded, Progressed, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import pipeline
from dl_magics.training.run import Run
from dl_magics.training.steps.budget import Budget, make_budget
from support import tiny_keras

# A dollar is a second.
PRICE = 3600.0
HOST = {"name": "gpu", "id": "i-0", "dollars_per_hour": PRICE, "price_day": "2026-11-26"}
FOR_EVER = {"epochs": 100_000, "patience": 100_000}


class Clock:
    """Goes on by some seconds whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


@given(
    st.floats(40, 100_000),
    st.floats(0.001, 2),
    st.lists(st.floats(1, 1.4), min_size=1, max_size=50),
    st.integers(0, 10**9),
)
def test_a_run_that_ends_by_its_budget_has_saved_its_model_before(seconds, step, slower, size):
    budget, now = Budget(1.0, 0.0, seconds), 0.0
    budget.plan_saving(size)
    budget.begin_phase(now)
    saving = 2 + size / 20e6
    least = saving + 1.5 * 1.5 * step + 0.02 * seconds

    steps = 0
    while not budget.is_spent(now) and steps < 10_000:
        now += step * slower[steps % len(slower)]
        steps += 1

    assert steps == 10_000 or now + saving <= seconds or seconds < least
    assert steps == 10_000 or budget.is_over


@pytest.mark.parametrize(
    ("budget", "host", "spent", "seconds"),
    [
        (None, HOST, 0.0, None),
        (10.0, {"local": True}, 0.0, None),
        (10.0, {"dollars_per_hour": None}, 0.0, None),
        (10.0, HOST, 0.0, 10.0),
        (10.0, HOST, 4.0, 6.0),
        (10.0, HOST, 14.0, 0.0),
    ],
)
def test_a_budget_is_the_time_that_its_dollars_pay(budget, host, spent, seconds):
    made = make_budget(tiny_keras.recipe("photos", budget=budget), host, 100.0, spent)

    assert (made and made.seconds) == seconds


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=60)


@pytest.fixture
def train(data, tmp_path, monkeypatch):
    """Train with a budget of some seconds, by a clock that goes on by some at each look."""

    def trained(seconds: float, each_look: float, **settings):
        clock = Clock(each_look)

        def timed(*words, **options):
            return pipeline.run(*words, **options, timer=clock, clock=lambda: 1e9 + clock.now)

        paths = RunPaths(tmp_path / "run", tmp_path / "features", tmp_path / "weights")
        for each in (paths.run, paths.features, paths.weights):
            each.mkdir()
        recipe = tiny_keras.recipe(data, budget=seconds, **FOR_EVER, **settings)
        events = list(recorder.record_new_run(recipe, paths, host=HOST, train=timed))
        return events, Run(paths.run)

    return trained


def said(events, code: str) -> list[str]:
    return [each.text for each in events if isinstance(each, Warned) and each.code == code]


@pytest.mark.parametrize(("forward", "is_over"), [(1.0, False), (30.0, True)])
def test_a_step_of_training_that_is_too_long_is_not_begun(forward, is_over):
    budget = Budget(100.0, 0.0, 100.0)

    budget.look_at_first_step(10.0, forward)

    assert budget.is_over is is_over


def test_a_run_for_ever_ends_by_its_budget_with_its_best_weights(train):
    events, run = train(400.0, 1.0)

    assert run.status == "stopped"
    assert 0 < run.state.dollars < 400
    assert events[-1].dollars == run.state.dollars
    assert "ends by its budget of $400.00" in said(events, "budget")[0]
    assert said(events, "budget_images") == []
    assert run.model.count_params() > 0


def test_a_budget_for_a_part_of_the_images_trains_on_these(train):
    events, run = train(42.0, 1.0)

    (cut,) = said(events, "budget_images")
    epochs = [each for each in events if isinstance(each, EpochEnded)]
    assert " of 120 images" in cut
    assert epochs
    assert epochs[0].best
    assert run.state.dollars < 42
    assert run.evaluate("valid").note == ""


def test_a_budget_for_a_part_of_the_copies_counts_each_image_once(train):
    events, _ = train(42.0, 1.0, augment=3)

    (cut,) = said(events, "budget_images")
    found = re.search(r" for (\d+) of 120 images, with (\d+) of 288 augmented copies: ", cut)
    assert found, cut
    images, copies = map(int, found.groups())
    computed = next(
        each.done for each in reversed(events) if isinstance(each, Progressed) and each.total == 408
    )
    assert copies < computed < 408
    assert computed - copies <= images <= 120

"""With which workers an interrupted run goes on, and what is said where it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.actions.runs.crew import resuming
from dl_magics.crew.crew import HostCrew
from dl_magics.runs.events import PhaseStarted, Progressed, RunEnded
from dl_magics.store import paths
from dl_magics.training.crew.kept import KeptFeatures
from dl_magics.training.run import Run
from dl_magics.training.storage import spaces
from support import run_events

HEAD = PhaseStarted(phase="head", total=5, unit="epochs")
FEATURES = PhaseStarted(phase="features", total=60, unit="images")
DONE = Progressed(done=40, total=60, images_per_second=1.0, seconds_left=20.0)


def a_run(*events, workers=("crew-1", "crew-2"), keeps=False):
    started = run_events.started(workers=list(workers))
    host = {
        "local": True,
        "name": "crew-1, crew-2",
        "type": "2 × t2.micro",
        "each_type": "t2.micro",
        "dollars_per_hour": 0.02,
    }
    folder = paths.data_folder("runs") / "night"
    run_events.write_log(folder, run_events.stamp([replace(started, host=host), *events]))
    if keeps:
        space = paths.data_folder("features") / ("a" * 24)
        space.mkdir()
        described = '{"precision": "mixed_float16", "computed_by": "tensorflow gpu"}'
        spaces.write_description(space, described)
        spaces.record_user(space, "night")
    return Run(folder)


def test_those_of_its_workers_that_are_up_go_on_and_the_others_are_named(rent):
    rent("t2.micro", "crew-2")

    planned = resuming.plan_resumed(a_run(FEATURES, DONE))

    assert planned.host["name"] == "crew-2"
    assert "computed on crew-2 (1 × t2.micro, $" in planned.sentence
    assert planned.sentence.endswith("Without crew-1, which the run began with.")
    assert isinstance(planned.crew, HostCrew)


@pytest.mark.parametrize(
    ("there", "error", "fix"),
    [
        (
            ["crew-1", "crew-2"],
            errors.WrongState,
            "%aws_start crew-1, %aws_start crew-2, then %finetune --resume night",
        ),
        (
            [],
            errors.NoSuchInstance,
            "%aws_launch t2.micro --count 2 --name crew, then %finetune --resume night",
        ),
    ],
)
def test_without_a_worker_a_run_that_lacks_features_says_how_to_go_on(rent, there, error, fix):
    for name in there:
        rent("t2.micro", name, state="stopped")

    with pytest.raises(error, match="The features of 40 of 60 images are kept") as refused:
        resuming.plan_resumed(a_run(FEATURES, DONE))

    assert refused.value.fix == fix


def test_a_run_whose_features_are_all_here_needs_no_worker_but_pays_those_that_are_up(rent):
    run = a_run(FEATURES, HEAD, run_events.epoch(1), keeps=True)
    alone = resuming.plan_resumed(run)
    rent("t2.micro", "crew-1")
    paid = resuming.plan_resumed(run)

    for planned in (alone, paid):
        assert isinstance(planned.crew, KeptFeatures)
        found = planned.crew.wait_for_device(lambda: False)
        assert (found.kind, found.half, found.name) == ("gpu", "float16", run.state.device)
        with pytest.raises(errors.TrainingFailed, match="3 images or more are not in the"):
            planned.crew.submit(b"", 3)
    assert alone.host is None
    assert paid.host["name"] == "crew-1"


@pytest.mark.parametrize(
    "run",
    [{"workers": ()}, {"ended": RunEnded(status="done")}],
)
def test_what_has_no_workers_or_has_ended_has_no_crew(run):
    ended = [run["ended"]] if "ended" in run else []

    assert resuming.plan_resumed(a_run(FEATURES, *ended, workers=run.get("workers", "c"))) is None

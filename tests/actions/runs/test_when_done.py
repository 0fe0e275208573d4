"""When results count as safe on this computer, and what else keeps an instance up."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.runs import when_done
from dl_magics.actions.runs.ending import plan
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.errors import BadSetting, CommandFailed, NotTrained
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.store import paths
from dl_magics.training.recipe.recipe import check_settings
from dl_magics.training.run import Run
from support import run_events

MODEL = b"a model"
SHA256 = hashlib.sha256(MODEL).hexdigest()


def a_run(ended: RunEnded | None, *, model: bytes | None = MODEL, **origin) -> Run:
    folder = paths.data_folder("runs") / "night"
    run_events.write_log(folder, run_events.make_events(run_events.epoch(1), ended=ended))
    known = replace(run_events.ORIGIN, **{"model_sha256": SHA256, **origin})
    remote_origin.save(folder, known)
    if model is not None:
        (folder / "model.keras").write_bytes(model)
    return Run(folder)


def ended(status: str = "done") -> RunEnded:
    return RunEnded(status=status, files={"model.keras": SHA256})


@pytest.mark.parametrize("status", ["done", "stopped"])
def test_results_that_are_here_and_were_loaded_are_safe(status):
    when_done.check_results(a_run(ended(status)), "gpu")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"ended": None}, "its log has no end here"),
        ({"ended": ended(), "is_complete": False}, "its log has no end here"),
        ({"ended": ended("failed")}, "it is failed"),
        ({"ended": ended("interrupted")}, "it is interrupted"),
        ({"ended": RunEnded(status="stopped")}, "before there were weights to keep"),
        ({"ended": ended(), "model": None}, "model.keras is not here"),
        ({"ended": ended(), "model": b"half a mod"}, "model.keras is not here, or not complete"),
        ({"ended": ended(), "model_sha256": ""}, "could not be loaded here"),
    ],
)
def test_results_that_are_not_safe_keep_the_instance_up(made, why):
    run = a_run(**made)

    with pytest.raises(NotTrained, match="gpu stays up") as refused:
        when_done.check_results(run, "gpu")

    assert why in str(refused.value)
    assert "%aws_stop" in refused.value.fix


def test_a_run_on_this_computer_has_no_instance_to_stop():
    recipe = check_settings("photos", {"then": "stop"})

    with pytest.raises(BadSetting, match="trains on this computer"):
        plan.plan_ending(recipe, TrainingPlace("Trains here."), force=False)


def test_workers_that_are_no_instances_cannot_be_stopped(uni):
    recipe = check_settings("photos", {"then": "stop", "workers": "ada@192.0.2.7"})

    with pytest.raises(BadSetting, match=r"none of workers = ada@192\.0\.2\.7 is an EC2 instance"):
        plan.plan_ending(recipe, TrainingPlace("Trains here."), force=False)


def test_a_run_without_then_leaves_its_instance_as_it_is():
    recipe = check_settings("photos", {})

    assert plan.plan_ending(recipe, TrainingPlace(""), force=True) == ()


@pytest.mark.parametrize("verb", ["stop", "terminate"])
def test_an_instance_that_cannot_say_what_it_runs_is_not_ended(rented, verb):
    current = context.load()
    instance = current.resolve_instance()
    program = rented.instance / "bin" / "sh"
    program.write_text("#!/bin/bash\necho 'sh: Cannot allocate memory' >&2\nexit 254\n")
    program.chmod(0o755)

    with pytest.raises(CommandFailed, match="Cannot allocate memory") as refused:
        when_done.check_idle(plan.Ending(verb, current, instance.id, instance.name))
    with pytest.raises(CommandFailed):
        when_done.list_going_on(current, instance)

    assert f"{instance.name} stays up" in str(refused.value)
    assert f"%aws_stop {instance.id}" in refused.value.fix

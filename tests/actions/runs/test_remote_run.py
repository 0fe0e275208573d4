"""remote_run and remote_files; whole remote runs are tested in magics/test_finetune_*.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import deletion, remote_run, runs
from dl_magics.errors import DamagedRun, NotTrained, WrongState
from dl_magics.runs import remote_origin
from dl_magics.runs.events import PhaseStarted, Progressed, RunEnded
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import replay_events
from dl_magics.store import paths
from dl_magics.training.run import Run
from support import run_events


@pytest.mark.parametrize(
    "name",
    [
        *("../outside", "/etc/outside", "in/side", "..", "", "./model.keras", "model.keras/"),
        # These lie in the folder and are ours: another origin would lead to another host.
        *("remote_origin.json", "REMOTE_ORIGIN.json", "events.jsonl", "recipe.json", "report.html"),
        *("head.py", ".bashrc", "model.keras.exe", "MODEL.KERAS"),
    ],
)
def test_a_file_that_no_run_produces_is_not_fetched(tmp_path, name):
    ended = RunEnded(status="done", files={name: "0" * 64})
    folder = run_events.write_log(tmp_path / "run", run_events.make_events(ended=ended))
    host = {"alias": "i-0gone", "name": "gpu", "identity": None}
    origin = RemoteOrigin(
        host=host, python="", activate="", kernel_folder="", msg_id="", since=0, run_folder="run"
    )
    remote_origin.save(folder, origin)
    record = RunRecord(folder)
    record.refresh()

    with pytest.raises(DamagedRun, match="not a file that a run produces") as refused:
        remote_run.fetch_results(record)

    assert name in str(refused.value)
    assert not remote_origin.is_complete(folder)


def features(kept=0):
    return PhaseStarted(phase="features", total=100, unit="images", kept=kept)


def left(seconds, done=50):
    return Progressed(done=done, total=100, images_per_second=2.0, seconds_left=seconds)


@pytest.mark.parametrize(
    ("story", "is_near"),
    [
        ([], False),
        ([features()], False),
        ([features(), left(3600.0)], False),
        ([features(), left(59.0)], True),
        ([features(), left(0.0, done=100)], True),
        ([features(kept=100)], True),
        ([PhaseStarted(phase="head", total=5, unit="epochs")], True),
        ([PhaseStarted(phase="evaluate", total=20, unit="images")], True),
    ],
)
def test_keras_is_imported_for_the_check_when_the_end_of_the_run_is_near(story, is_near):
    assert remote_run.is_near_end(replay_events(run_events.make_events(*story))) is is_near


@pytest.fixture
def left_alone(cloud, rent):
    """A run whose notebook was closed while it trained, and its instance, which is stopped."""
    id_ = rent("t2.micro", state="stopped")
    host = SshHost(alias=id_, name="gpu", profile=context.load().profile)
    folder = paths.data_folder("runs") / "night"
    run_events.write_log(folder, run_events.make_events(run_events.epoch(1)))
    remote_origin.save(folder, replace(run_events.ORIGIN, host=host.to_json(), is_complete=False))
    return Run(folder), host


def test_a_run_whose_rest_is_on_a_stopped_instance_is_not_said_to_be_interrupted(left_alone):
    run, _ = left_alone
    shown = []

    with pytest.raises(WrongState, match="gpu is stopped") as refused:
        shown += runs.follow(run)

    assert "The rest of the run night is on gpu." in str(refused.value)
    assert "%aws_start" in refused.value.fix
    assert "%attach night" in refused.value.fix
    assert not remote_origin.is_complete(run.path)


def test_a_run_whose_kernel_was_seen_to_end_is_shown_while_its_instance_is_stopped(left_alone):
    run, _ = left_alone
    remote_origin.save(run.path, replace(remote_origin.load(run.path), kernel_died=True))

    (*_, last) = runs.follow(run)

    assert last.status == "interrupted"
    assert not remote_origin.is_complete(run.path)


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_run_of_a_terminated_instance_is_interrupted_and_can_be_deleted(left_alone, is_listed):
    run, host = left_alone
    context.load().session.change_ec2("terminate_instances", InstanceIds=[host.alias])
    if not is_listed:  # EC2 lists it for an hour
        known = replace(host, alias="i-00000000000000000").to_json()
        remote_origin.save(run.path, replace(remote_origin.load(run.path), host=known))

    (*_, last) = runs.follow(run)

    assert last.status == run.status == "interrupted"
    assert "Delete this run" in deletion.plan_deletion(["night"]).question


def test_a_model_that_is_neither_here_nor_on_a_terminated_instance_is_said_to_be_lost(left_alone):
    _, host = left_alone
    context.load().session.change_ec2("terminate_instances", InstanceIds=[host.alias])
    ended = RunEnded(status="done", files={"model.keras": "0" * 64})
    folder = run_events.write_log(
        paths.data_folder("runs") / "day", run_events.make_events(ended=ended)
    )
    remote_origin.save(folder, replace(run_events.ORIGIN, host=host.to_json()))

    with pytest.raises(NotTrained, match="is not here, or damaged, and gpu is terminated") as lost:
        remote_run.fetch_missing(RunRecord(folder))

    assert str(folder) in lost.value.fix


def test_a_run_that_has_not_ended_is_not_complete_when_its_files_are_fetched(left_alone):
    run, _ = left_alone
    run.record.refresh()

    remote_run.fetch_results(run.record)

    assert not remote_origin.is_complete(run.path)

"""What another notebook selects does not change what this one works with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.aws import context, selection
from dl_magics.errors import DiskFull, NoSuchInstance, NotConfirmed
from dl_magics.store import state
from support.cloud import IMAGE
from support.limits.disk import mount_small_disk


def select_elsewhere(**changes):
    """Store a selection as the process of another notebook does."""
    state.update(lambda stored: replace(stored, **changes))


def test_a_profile_that_another_notebook_selects_is_for_new_notebooks_only(cloud, run):
    run("%aws_launch t2.micro -y")
    other = state.ProfileSettings(profile="real", region="eu-west-1")
    select_elsewhere(profile=other, profile_before_practice=None)

    gone = run("%aws_terminate -f")

    assert gone.state == "terminated"
    assert context.load().profile.name == "practice"
    assert state.read().profile == other
    selection.reload()
    assert context.load_profile().name == "real"


def test_an_instance_that_another_notebook_selects_is_not_selected_here(cloud, run, rent):
    run("%aws_launch t2.micro -y")
    thesis = rent(name="thesis")
    select_elsewhere(selected_instances={"practice · us-east-1": thesis})

    stopped = run("%aws_stop")

    assert stopped.name == "gpu"
    assert context.load().ec2.describe_instance(thesis).state == "running"
    assert state.read().selected_instances == {"practice · us-east-1": thesis}


def test_a_selection_here_is_what_a_new_notebook_starts_with(cloud, run, rent):
    small = rent(name="small")
    run("%aws_get small")

    selection.reload()

    assert context.load().selected_id == small


def test_selecting_an_instance_does_not_store_the_profile_again(cloud, run, rent):
    rent(name="small")
    other = state.ProfileSettings(profile="real", region="eu-west-1")
    select_elsewhere(profile=other)

    run("%aws_get small")

    assert state.read().profile == other


def test_a_terminated_instance_is_no_longer_selected(cloud, run, rent):
    id_ = rent(name="small")
    run("%aws_get small")
    context.load().session.change_ec2("terminate_instances", InstanceIds=[id_])

    with pytest.raises(NoSuchInstance, match="no longer exists") as first:
        run("%aws_start -y")
    with pytest.raises(NoSuchInstance, match="No instance is selected"):
        run("%aws_start -y")

    assert "%aws_get NAME" in first.value.fix
    assert state.read().selected_instances == {}


def test_somebody_elses_instance_that_was_selected_by_its_type_is_stopped_by_name_only(uni, run):
    made = uni.client().run_instances(
        ImageId=IMAGE, InstanceType="g4dn.xlarge", MinCount=1, MaxCount=1
    )
    id_ = made["Instances"][0]["InstanceId"]
    run("%aws_get T4")

    with pytest.raises(NotConfirmed, match="did not launch it") as refused:
        run("%aws_stop")

    assert run("%aws_state") == "running"
    assert id_ in refused.value.fix
    run(f"%aws_get {id_}")
    assert run("%aws_stop").name == id_


@pytest.fixture
def disk(home):
    """A small disk in the place of our folder."""
    with mount_small_disk(home, "8m") as disk:
        yield disk


@pytest.mark.parametrize("line", ["%aws_get small", "%aws_region eu-west-1", "%idle_timeout 20"])
def test_what_cannot_be_stored_is_not_selected_here_either(disk, cloud, run, rent, line):
    rent(name="small")
    rent(name="large")
    run("%aws_get large")
    before = selection.read()
    disk.fill()

    with pytest.raises(DiskFull, match=r"state.json was not written: No space left") as full:
        run(line)

    assert selection.read() == before == state.read()
    assert "%features" in full.value.fix

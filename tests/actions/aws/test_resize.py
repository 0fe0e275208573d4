"""A resize that cannot work is refused before anything is stopped or changed."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import instances, resize

WITHOUT_ENA = "ami-1e749f67"
WITH_UEFI_ONLY, ON_INSTANCE_STORE = "ami-0d1ea5e5c10bd5a16", "ami-0d1ea5e5c10bd5a17"
CHANGES = {"StopInstances", "ModifyInstanceAttribute", "StartInstances"}


def resize_at_once(context, type_, instance):
    return list(resize.resize(context, type_, instance.id))


@pytest.mark.parametrize(
    ("image", "type_", "error", "happened", "fix"),
    [
        ({}, "g4dn.metal", errors.QuotaReached, "96 vCPUs.*allows 64", "L-DB2E81BA"),
        ({}, "g5g.xlarge", errors.NoSuchType, "arm64.*x86_64", "%aws_launch g5g.xlarge"),
        ({"image": WITHOUT_ENA}, "g4dn.xlarge", errors.NoSuchType, "ENA", "--ena-support"),
        ({}, "p3.2xlarge", errors.NoSuchImage, "V100", "%aws_launch p3.2xlarge --name OTHER"),
        ({}, "g4ad.xlarge", errors.NoSuchImage, "AMD", "%aws_launch g4ad.xlarge"),
        ({}, "p2.xlarge", errors.NoSuchType, "retired", "%aws_resize g4dn.xlarge"),
        (
            {"InstanceMarketOptions": {"MarketType": "spot"}},
            "t2.large",
            errors.WrongState,
            "spot instance",
            "%aws_launch",
        ),
        (
            {"image": ON_INSTANCE_STORE},
            "t2.large",
            errors.WrongState,
            "on the instance store: it cannot be stopped",
            "%sync down",
        ),
    ],
    ids=["quota", "architecture", "ENA", "open driver", "AMD", "not offered", "spot", "store"],
)
@pytest.mark.parametrize("act", [resize.resize_question, resize_at_once])
def test_a_type_that_cannot_work_is_refused_and_nothing_is_stopped(
    in_account, account, act, image, type_, error, happened, fix
):
    id_ = account.launch(**image)
    instance = in_account.ec2.describe_instance(id_)

    with pytest.raises(error, match=happened) as refused:
        act(in_account, type_, instance)

    assert fix in refused.value.fix
    assert not CHANGES & {call.action for call in account.calls}
    seen = in_account.ec2.describe_instance(id_)
    assert (seen.type, seen.state) == ("t2.micro", "running")


def test_a_type_of_another_boot_mode_is_refused_and_nothing_is_stopped(in_account, account):
    instance = in_account.ec2.describe_instance(account.launch("t3.micro", image=WITH_UEFI_ONLY))

    with pytest.raises(errors.NoSuchType, match=r"legacy-bios only.* the mode uefi") as refused:
        list(resize.resize(in_account, "t2.micro", instance.id))

    assert "%aws_launch t2.micro --name OTHER" in refused.value.fix
    assert not CHANGES & {call.action for call in account.calls}
    resize.check_resize(in_account, "g4dn.xlarge", instance)


def test_an_instance_on_the_instance_store_is_not_stopped(in_account, account):
    id_ = account.launch(image=ON_INSTANCE_STORE)

    with pytest.raises(errors.WrongState, match="on the instance store") as refused:
        list(instances.stop(in_account, id_))

    assert f"%aws_terminate {id_} -f" in refused.value.fix
    assert not CHANGES & {call.action for call in account.calls}
    assert in_account.ec2.describe_instance(id_).disks == ()


def test_the_quota_does_not_count_the_instance_that_is_resized(in_account, account):
    big = account.launch("g4dn.8xlarge")
    account.launch("g4dn.4xlarge")

    resize.check_resize(in_account, "g4dn.12xlarge", in_account.ec2.describe_instance(big))
    with pytest.raises(errors.QuotaReached, match="48 in use"):
        resize.check_resize(
            in_account,
            "g4dn.8xlarge",
            in_account.ec2.describe_instance(account.launch("t2.micro")),
        )


def test_the_question_says_what_the_stop_erases_and_what_the_image_lacks(in_account, account):
    with_store = in_account.ec2.describe_instance(account.launch("g4dn.xlarge"))
    bare = in_account.ec2.describe_instance(
        account.launch(image="ami-0d1ea5e5c10bd5a14", state="stopped")
    )

    erases = resize.resize_question(in_account, "t2.large", with_store)
    lacks = resize.resize_question(in_account, "g4dn.xlarge", bare)

    first, before, after, warning = erases.splitlines()
    assert first.startswith("Stop, change and start")
    assert before.startswith("  from     g4dn.xlarge, $0.526/h by the ")
    assert after.startswith("  to       t2.large, $0.")
    assert "the stop erases its instance store of 125 GB" in warning
    assert "Rocky-9-EC2-Base-9.6-20260101.0.x86_64 may have no NVIDIA driver" in lacks
    assert "erases" not in lacks


def test_a_change_that_aws_refuses_all_the_same_says_how_to_go_back(in_account, account):
    id_ = account.launch()
    account.inject_fault("unsupported", actions=("ModifyInstanceAttribute",))

    with pytest.raises(errors.NoSuchType, match=r"was stopped.* still is a t2\.micro") as refused:
        list(resize.resize(in_account, "t2.large", id_))

    assert f"%aws_start {id_}" in refused.value.fix


def is_running(seen):
    return seen.state == "running" and seen.type == "t2.large"


def follow(changes, until):
    """Follow a resize until a state, and end there as a process does that is killed.

    No host is there that would answer over SSH.
    """
    for seen in changes:
        if until(seen):
            changes.close()
            return seen
    raise AssertionError("it has ended before")


@pytest.mark.parametrize(
    ("until", "type_", "says"),
    [
        (lambda seen: seen.state != "running", "t2.micro", "Change and start "),
        (lambda seen: seen.type == "t2.large", "t2.large", "(t2.large, "),
    ],
    ids=["after the stop", "before the start"],
)
def test_what_was_cut_off_before_the_start_goes_on_with_the_same_resize(
    in_account, account, until, type_, says
):
    id_ = account.launch()
    follow(resize.resize(in_account, "t2.large", id_), until)
    left = in_account.ec2.describe_instance(id_)
    assert (left.type, left.state in ("stopping", "stopped")) == (type_, True)
    unfinished = resize.find_unfinished(left)
    assert unfinished
    assert unfinished.type == "t2.large"
    question = resize.resize_question(in_account, "t2.large", left)
    assert says in question
    assert "start " in question.lower()
    assert "$0.09" in question

    seen = follow(resize.resize(in_account, "t2.large", id_), is_running)

    assert resize.find_unfinished(seen) is None
    list(instances.stop(in_account, id_))
    assert resize.find_unfinished(in_account.ec2.describe_instance(id_)) is None


def test_two_processes_do_not_change_one_instance(in_account, account):
    id_ = account.launch()
    first = resize.resize(in_account, "t2.large", id_)
    next(first)

    with pytest.raises(errors.WrongState, match="Another process changes the type"):
        next(resize.resize(in_account, "t2.small", id_))

    assert follow(first, is_running).id == id_


def test_a_stopped_instance_stays_stopped(in_account, account):
    id_ = account.launch(state="stopped")

    *_, seen = resize.resize(in_account, "t2.large", id_)

    assert (seen.type, seen.state) == ("t2.large", "stopped")
    assert resize.find_unfinished(seen) is None
    question = resize.resize_question(in_account, "t2.micro", seen)
    assert question.startswith(f"Change {seen.name} ")
    assert "from     t2.large, $0." in question

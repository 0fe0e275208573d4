from __future__ import annotations

import json
import re

import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.actions.aws.guard import records
from dl_magics.actions.aws.launch import crew
from dl_magics.aws.network import security_group
from support.in_process.ssh import ANSWERS


def list_names():
    return sorted(each.name for each in context.load().ec2.list_instances() if not each.gone)


def test_a_crew_is_launched_after_one_question_with_the_sum(cloud, run, monkeypatch, capsys):
    questions = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "y")

    launched = run("%aws_launch t2.micro --count 2 --name crew --idle 10")

    said = capsys.readouterr().out
    assert questions == ["Do it? [y/N] "]
    assert "new      crew-1, crew-2" in said
    assert "together $0.0332/h with their addresses while they run" in said
    assert "network  they may connect to each other, at private addresses" in said
    assert list_names() == ["crew-1", "crew-2"]
    assert {each.state for each in launched} == {"running"}
    current = context.load()
    rules = security_group.describe_rules(current.session, access.our_name())
    assert security_group.MEMBERS in rules
    listed = context.load().ec2.list_instances()
    assert {records.read_record(each.id).idle_seconds for each in listed if not each.gone} == {600}

    more = run("%aws_launch t2.micro --count 3 --name crew -y")

    said = capsys.readouterr().out
    assert "new      crew-3" in said
    assert "there    crew-1 (running), crew-2 (running)" in said
    assert sorted(each.name for each in more) == list_names() == ["crew-1", "crew-2", "crew-3"]
    assert "All 3 instances are there" in repr(run("%aws_launch t2.micro --count 3 --name crew"))


def test_the_limits_of_a_crew_that_is_there_are_set_on_each_and_its_disks_stay(
    cloud, run, ssh_commands, capsys
):
    run("%aws_launch t2.micro --count 2 --name crew -y")
    settings = {"idle_seconds": 1800, "max_seconds": 3600.0}
    status = {"guard": 1, "running": True, "age": 1.0, "state": "idle", "settings": settings}
    ANSWERS["change"] = json.dumps(status)
    capsys.readouterr()

    run("%aws_launch t2.micro --count 2 --name crew --max-duration 1h")

    said = capsys.readouterr().out
    assert [command for command in ssh_commands if '"max_seconds": 3600.0' in command][1:]
    assert all(f"{name}: running at" in said for name in ("crew-1", "crew-2"))
    assert said.count("Set --max-duration 1h: ") == 2
    with pytest.raises(errors.WrongState, match="'crew-1' already exists, with a disk of 100 GiB"):
        run("%aws_launch t2.micro --count 3 --name crew --disk 200 -y")
    assert list_names() == ["crew-1", "crew-2"]

    capsys.readouterr()
    run("%aws_launch t2.micro --count 3 --name crew --max-duration 2h -y")

    said = capsys.readouterr().out
    assert re.findall(r"(crew-\d): .*\. Set --max-duration 2h: ", said) == ["crew-1", "crew-2"]


def test_a_crew_is_stopped_with_a_receipt_of_each_and_nothing_else_is(cloud, run, rent):
    for name in ("crew-1", "crew-2", "crew", "crew-old", "screw-1"):
        rent(name=name)
    rent(name="crew-3", state="stopped")
    explained = run("%aws_stop --crew crew --explain")

    receipts = run("%aws_stop --crew crew")

    states = {each.name: each.state for each in context.load().ec2.list_instances()}
    ids = {each.name: each.id for each in context.load().ec2.list_instances()}
    stopped = {name for name, state in states.items() if state == "stopped"}
    assert stopped == {"crew-1", "crew-2", "crew-3"}
    assert [each.name for each in receipts.each] == ["crew-1", "crew-2"]
    assert receipts.dollars == sum(each.dollars for each in receipts.each)
    assert repr(receipts).endswith(f"together ${receipts.dollars:.4f}")
    assert [name for name in ids if ids[name] in explained] == ["crew-1", "crew-2"]


def test_the_others_of_a_crew_are_stopped_where_one_cannot_be_and_that_one_is_named(
    cloud, run, rent, capsys
):
    ids = {name: rent(name=name) for name in ("crew-1", "crew-2", "crew-3")}
    cloud.inject_fault(
        "stop-protection", times=9, instance=ids["crew-1"], actions=["StopInstances"]
    )

    with pytest.raises(errors.CloudError, match="crew-1 is NOT stopped: it is running") as refused:
        run("%aws_stop --crew crew")

    states = {each.name: each.state for each in context.load().ec2.list_instances()}
    assert states == {"crew-1": "running", "crew-2": "stopped", "crew-3": "stopped"}
    assert "costs $0.0166/h" in str(refused.value)
    assert refused.value.fix.endswith(" · %aws_stop crew-1")
    said = capsys.readouterr().out
    assert re.findall(r"^(?:  )?(crew-\d): \d+ s", said, re.MULTILINE) == ["crew-2", "crew-3"]


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        ("%aws_stop --crew crew", errors.WrongState, "crew is running: crew-1 is stopped"),
        ("%aws_stop --crew other", errors.NoSuchInstance, "No instance is named other-1"),
        ("%aws_stop crew-1 --crew crew", errors.BadSetting, "neither a name"),
        ("%aws_stop --crew crew --when-done", errors.BadSetting, "nor --when-done"),
    ],
)
def test_a_crew_that_cannot_be_stopped_is_refused(cloud, run, rent, line, error, text):
    rent(name="crew-1", state="stopped")

    with pytest.raises(error, match=text):
        run(line)


def test_what_was_launched_before_a_refusal_is_kept_and_said(cloud):
    current = context.load()
    planned = crew.plan_crew(current, "t2.micro", "crew", 3, spot=None, store=True)
    launching = crew.launch_crew(current, planned)
    assert next(launching).name == "crew-1"
    cloud.inject_fault("no-capacity")

    with pytest.raises(errors.NoCapacity) as refused:
        list(launching)

    assert (
        "1 of 3 were launched before, and cost money: crew-1. The launch ended at crew-2."
        in str(refused.value)
    )
    assert "the same line launches the others" in refused.value.fix
    assert list_names() == ["crew-1"]


@pytest.mark.parametrize("count", [0, -1, 101])
def test_what_is_no_number_of_a_crew_is_refused(cloud, run, count):
    with pytest.raises(errors.BadSetting, match=f"--count {count}: a crew has 2 to 100 instances"):
        run(f"%aws_launch t2.micro --count {count} -y")


def test_the_quota_is_checked_for_all(cloud, run):
    with pytest.raises(errors.QuotaReached, match=r"100 × g4dn\.xlarge needs 400 vCPUs"):
        run("%aws_launch g4dn.xlarge --count 100 -y")

    assert list_names() == []

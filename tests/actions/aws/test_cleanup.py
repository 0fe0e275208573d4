"""`%aws_cleanup` deletes what this computer created, and names what it does not delete."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.aws import context
from dl_magics.store import ledger, paths


def tags_of(id_):
    answer = context.load().session.query("ec2", "describe_instances", InstanceIds=[id_])
    return answer["Reservations"][0]["Instances"][0]["Tags"]


def state_of(id_, region=None):
    answer = context.load().session.query(
        "ec2", "describe_instances", region=region, InstanceIds=[id_]
    )
    return answer["Reservations"][0]["Instances"][0]["State"]["Name"]


@pytest.fixture
def launched(cloud, run):
    return run("%aws_launch t2.micro -y")


def test_an_instance_with_copied_tags_is_neither_listed_nor_deleted(launched, run, rent):
    copy = rent(name="thesis")
    context.load().session.change_ec2("create_tags", Resources=[copy], Tags=tags_of(launched.id))

    done = run("%aws_cleanup -f")

    assert [each.id for each in done.each if each.kind == "instance"] == [launched.id]
    assert done.elsewhere == ()
    assert state_of(copy) == "running"


def test_what_is_deleted_is_listed_once_and_then_a_line_for_each(launched, run, capsys):
    capsys.readouterr()

    done = run("%aws_cleanup -f")

    first, *lines, _ = capsys.readouterr().out.splitlines()
    listed, results = lines[: len(done.each)], lines[len(done.each) :]
    assert first.endswith("account 123456789012: deletes")
    assert [line.split()[0] for line in listed] == [each.kind for each in done.each]
    assert results == [each.result for each in done.each]
    (alarm,) = (each for each in results if each.startswith("alarm "))
    assert re.fullmatch(r"alarm dl-magics-i-[0-9a-f]+ is deleted", alarm)
    assert repr(done) == "practice · us-east-1, account 123456789012: 4 deleted"


def test_a_protected_instance_is_named_and_the_others_are_deleted(launched, run):
    other = run("%aws_launch t2.micro --name other -y")
    context.load().session.change_ec2(
        "modify_instance_attribute",
        InstanceId=launched.id,
        DisableApiTermination={"Value": True},
    )

    done = run("%aws_cleanup -f")

    refused = {each.id: each.refusal for each in done.each if each.refusal}
    assert "disableApiTermination" in refused[launched.id]
    assert "was not deleted" in repr(done)
    assert state_of(other.id) == "terminated"
    context.load().session.change_ec2(
        "modify_instance_attribute",
        InstanceId=launched.id,
        DisableApiTermination={"Value": False},
    )


def test_what_another_computer_launched_is_listed_and_not_deleted(launched, run):
    (paths.data_folder() / "ledger.jsonl").unlink()

    done = run("%aws_cleanup -f")

    assert done.each == ()
    assert [each.id for each in done.elsewhere] == [launched.id]
    assert "on another computer" in repr(done)
    assert state_of(launched.id) == "running"


def test_the_other_regions_of_the_ledger_are_cleaned_too(launched, run):
    run("%aws_region us-west-2")

    listed = run("%aws_cleanup")
    run("%aws_cleanup -f")

    assert (launched.id, "us-east-1") in [(each.id, each.region) for each in listed.each]
    assert state_of(launched.id, region="us-east-1") == "terminated"


def test_the_cost_of_an_instance_is_listed(launched, run):
    text = repr(run("%aws_cleanup"))

    assert re.search(
        r"t2\.micro, running, \$0\.0166/h \(20..-..-..\), disks \$8\.00/month \(20", text
    )


def test_the_ledger_names_the_account_and_not_the_profile(launched):
    entry = ledger.read_entries()[-1]

    assert (entry["account"], entry["region"]) == ("123456789012", "us-east-1")
    assert "practice" not in entry.values()


def test_cleanup_everywhere_finds_what_another_computer_launched_in_another_region(launched, run):
    (paths.data_folder() / "ledger.jsonl").unlink()
    run("%aws_region us-west-2")

    assert run("%aws_cleanup").elsewhere == ()
    found = run("%aws_cleanup --everywhere").elsewhere

    assert [(each.id, each.region) for each in found] == [(launched.id, "us-east-1")]

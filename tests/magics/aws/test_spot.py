"""Spot instances from the launch to the end: their price, their requests, their interruptions."""

from __future__ import annotations

import re

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.aws.spot import requests
from dl_magics.store import ledger

LAUNCH = "%aws_launch g4dn.xlarge --spot -y"
LIVE = ("open", "active", "disabled")


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(requests, "_POLL_SECONDS", 0.01)


def described(cloud):
    found = cloud.client().describe_spot_instance_requests()["SpotInstanceRequests"]
    return [(each["State"], each["Status"]["Code"]) for each in found]


def existing(cloud):
    found = cloud.client().describe_instances()["Reservations"]
    each = [one for reservation in found for one in reservation["Instances"]]
    return [one["InstanceId"] for one in each if one["State"]["Name"] != "terminated"]


def test_a_launch_shows_the_spot_price_beside_that_on_demand(cloud, run, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _: "n")

    with pytest.raises(errors.NotConfirmed):
        run("%aws_launch g4dn.xlarge --spot --max-price 0.3")

    _, *facts = capsys.readouterr().out.splitlines()
    shown = {line[2:10].strip(): line[11:] for line in facts}
    assert max(map(len, facts)) <= 100
    assert shown["spot"].startswith("$0.1894/h (us-east-1a) to $0.2104/h (us-east-1c) by the spot")
    assert shown["at most"].startswith("$0.30/h (--max-price); on demand: $0.526/h by the ")
    assert "the disk stays" in shown["ends"]


def test_a_spot_instance_is_billed_by_its_spot_price(cloud, run):
    launched = run(LAUNCH)

    assert launched.spot
    assert launched.type_dollars == pytest.approx(0.526 * 0.36)
    assert str(launched).count(" spot") == 1
    receipt = run("%aws_stop")
    ((price, _),) = receipt.cost.parts[0].prices
    assert price == pytest.approx(0.526 * 0.36)


def test_a_stop_keeps_the_request_and_a_start_opens_it_again(cloud, run):
    run(LAUNCH)

    run("%aws_stop")
    assert described(cloud) == [("disabled", "instance-stopped-by-user")]
    run("%aws_start -y")
    assert described(cloud) == [("active", "fulfilled")]


def test_a_start_waits_until_aws_has_taken_note_of_the_stop(cloud, run):
    id_ = run(LAUNCH).id
    run("%aws_stop")
    (request,) = cloud.api.lifecycle.spot_requests
    request.move("active", "marked-for-stop")
    asked = []

    def settle(body):
        asked.append(body)
        if len(asked) == 2:
            request.move("disabled", "instance-stopped-by-user")
        return body

    cloud.edits["DescribeSpotInstanceRequests"] = settle
    cloud.api.lifecycle.spot_requests._delay = 1000

    assert run("%aws_start -y").id == id_
    assert len(asked) == 3
    assert described(cloud) == [("active", "fulfilled")]


@pytest.mark.parametrize("line", ["%aws_terminate -f", "%aws_cleanup -f"])
@pytest.mark.parametrize("before", [(), ("%aws_stop",)], ids=["running", "stopped"])
def test_no_request_is_left_that_would_launch_another_instance(cloud, run, line, before):
    run(LAUNCH)
    for each in before:
        run(each)

    run(line)

    assert existing(cloud) == []
    assert [each for each in described(cloud) if each[0] in LIVE] == []


def test_a_cleanup_finds_the_instance_that_ec2_launched_in_place_of_one_that_was_terminated(
    cloud, run
):
    id_ = run(LAUNCH).id
    cloud.client().terminate_instances(InstanceIds=[id_])
    (replacement,) = existing(cloud)

    listed = run("%aws_cleanup")
    run("%aws_cleanup -f")

    assert replacement in repr(listed)
    assert existing(cloud) == []
    assert [each for each in described(cloud) if each[0] in LIVE] == []


def test_the_request_of_a_launch_that_was_not_answered_is_in_the_ledger(cloud, run):
    cloud.unanswered.add("RunInstances")
    with pytest.raises(errors.NoAnswer):
        run(LAUNCH)
    cloud.unanswered.clear()

    launched = run(LAUNCH)

    made = [each["id"] for each in ledger.read_entries() if each["what"] == "spot-request"]
    assert made == [launched.spot_request]
    assert existing(cloud) == [launched.id]


def test_an_interrupted_instance_waits_for_ec2(cloud, run, monkeypatch):
    run(LAUNCH)
    cloud.inject_fault("spot-notice", seconds=0)
    run("%aws_state")

    with pytest.raises(errors.NoCapacity, match="instance-stopped-no-capacity") as refused:
        run("%aws_start -y")

    assert re.search("%aws_start i-[0-9a-f]+ --wait 2h", refused.value.fix)
    monkeypatch.setattr(
        "dl_magics.actions.aws.instances.time.sleep", lambda _: cloud.inject_fault("spot-capacity")
    )
    assert run("%aws_start --wait 2h -y").state == "running"


def test_a_one_time_instance_cannot_be_stopped_which_is_said_before_aws_is_asked(cloud, run):
    id_ = cloud.launch("t2.micro", InstanceMarketOptions={"MarketType": "spot"})
    run(f"%aws_get {id_}")
    cloud.calls.clear()

    with pytest.raises(errors.WrongState, match="one-time") as refused:
        run(f"%aws_stop {id_}")

    assert f"%aws_terminate {id_} -f" in refused.value.fix
    assert "StopInstances" not in [each.action for each in cloud.calls]


def test_spot_limits_are_named_with_their_quota(cloud, run):
    cloud.inject_fault("spot-limit")

    with pytest.raises(errors.QuotaReached, match="L-3819A6DF") as refused:
        run(LAUNCH)

    assert "Request an increase" in refused.value.fix


def test_an_instance_on_demand_is_not_taken_for_the_spot_instance_that_was_asked_for(cloud, run):
    run("%aws_launch g4dn.xlarge -y")

    with pytest.raises(errors.WrongState, match="already exists, on demand") as refused:
        run(LAUNCH)

    assert "%aws_launch g4dn.xlarge --spot --name OTHER" in refused.value.fix
    assert context.load().selected_id

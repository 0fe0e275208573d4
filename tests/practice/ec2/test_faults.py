from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from dl_magics import practice
from dl_magics.errors import DLMagicsError
from dl_magics.practice.ec2.faults import FAULTS
from support.ec2_client import until

REFUSALS = {name: fault for name, fault in FAULTS.items() if fault.way == "refuse"}


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_comes_once_in_the_words_of_ec2(renter, cloud, name):
    action = (REFUSALS[name].actions or ("DescribeInstances",))[0]
    instance_id = renter.launch()
    if action != "StopInstances":
        renter.stop(instance_id)

    def call():
        return {
            "RunInstances": renter.run_instances,
            "StartInstances": lambda: renter.ec2.start_instances(InstanceIds=[instance_id]),
            "DescribeInstances": lambda: renter.ec2.describe_instances(InstanceIds=[instance_id]),
        }[action]()

    cloud.fault(name)
    with pytest.raises(ClientError) as error:
        call()
    again = call()

    assert code(error) == REFUSALS[name].code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == REFUSALS[name].status
    assert again


def test_a_fault_strikes_as_often_as_asked(renter, cloud):
    cloud.fault("throttled", times=3)

    for _ in range(3):
        with pytest.raises(ClientError) as error:
            renter.ec2.describe_instances()
        assert code(error) == "RequestLimitExceeded"

    renter.ec2.describe_instances()


def test_a_refused_launch_leaves_nothing(renter, cloud):
    cloud.fault("no-capacity")

    with pytest.raises(ClientError) as error:
        renter.run_instances("g4dn.xlarge", ClientToken="again")
    launched = renter.run_instances("g4dn.xlarge", ClientToken="again")

    found = renter.ec2.describe_instances(
        Filters=[{"Name": "instance-type", "Values": ["g4dn.xlarge"]}]
    )
    assert "sufficient g4dn.xlarge capacity" in str(error.value)
    assert [r["Instances"][0]["InstanceId"] for r in found["Reservations"]] == [
        launched["InstanceId"]
    ]


def test_a_missing_permission_names_the_action(renter, cloud):
    cloud.fault("not-allowed", actions=["CreateSecurityGroup"])

    renter.ec2.describe_instances()
    with pytest.raises(ClientError) as error:
        renter.ec2.create_security_group(GroupName="new", Description="new")

    assert "not authorized to perform: ec2:CreateSecurityGroup" in str(error.value)
    assert "Encoded authorization failure message" in str(error.value)


@pytest.mark.parametrize(
    ("service", "method", "expected"),
    [
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("service-quotas", "list_services", "ExpiredToken"),
    ],
)
def test_other_services_have_words_of_their_own(renter, cloud, service, method, expected):
    cloud.fault("expired-token")

    with pytest.raises(ClientError) as error:
        getattr(renter.client(service), method)()

    assert code(error).startswith(expected)


def test_a_fault_can_be_aimed_at_one_instance(renter, cloud):
    spared, hit = renter.launch(), renter.launch()
    cloud.fault("wrong-state", instance=hit)

    renter.ec2.stop_instances(InstanceIds=[spared])
    with pytest.raises(ClientError) as error:
        renter.ec2.stop_instances(InstanceIds=[hit])

    assert code(error) == "IncorrectInstanceState"


@pytest.mark.parametrize(
    ("name", "expected", "aim"),
    [
        ("connection-reset", ConnectionClosedError, {}),
        ("time-out", ReadTimeoutError, {"seconds": 6}),
        ("malformed", ResponseParserError, {}),
    ],
)
def test_a_broken_network_breaks_one_call(renter, cloud, name, expected, aim):
    cloud.fault(name, **aim)

    with pytest.raises(expected):
        renter.ec2.describe_instances()

    renter.ec2.describe_instances()


def test_others_are_served_while_one_waits(renter, cloud):
    cloud.fault("time-out", seconds=6, actions=["DescribeVolumes"])

    with pytest.raises(ReadTimeoutError):
        renter.ec2.describe_volumes()

    renter.ec2.describe_instances()


def test_an_instance_can_be_terminated_behind_ones_back(renter, cloud):
    instance_id = renter.launch()

    cloud.fault("terminated", instance=instance_id)

    renter.until(instance_id, "terminated")


def test_capacity_that_is_lost_late_stops_an_old_instance_and_ends_a_new_one(renter, cloud):
    old = renter.launch()
    renter.stop(old)

    cloud.fault("no-capacity-late", times=2)
    renter.ec2.start_instances(InstanceIds=[old])
    new = renter.run_instances()["InstanceId"]
    renter.until(old, "stopped")
    renter.until(new, "terminated")

    for each in (old, new):
        reason = renter.instance(each)["StateReason"]["Code"]
        assert reason == "Server.InsufficientInstanceCapacity"


def test_what_was_forgiven_strikes_nobody(renter, cloud):
    cloud.fault("throttled", times=9)

    cloud.forgive()

    assert renter.ec2.describe_instances()


def test_a_slow_boot_runs_long_before_ssh_answers(renter, cloud):
    cloud.fault("slow-boot", seconds=2)
    instance_id = renter.launch()
    ran = time.monotonic()

    renter.run(instance_id, "true")

    assert time.monotonic() - ran > 1


def test_a_new_address_leads_to_the_same_host(renter, cloud):
    instance_id = renter.launch()
    renter.run(instance_id, "touch here")
    before = renter.instance(instance_id)["PublicIpAddress"]

    cloud.fault("new-address", instance=instance_id)

    assert renter.instance(instance_id)["PublicIpAddress"] != before
    assert renter.run(instance_id, "ls").stdout == "here\n"


def test_a_swapped_host_key_is_seen(renter, cloud):
    instance_id = renter.launch()
    before = renter.host_key(instance_id)

    cloud.fault("host-key-swap", instance=instance_id)

    until(lambda: renter.host_key(instance_id) != before)


def test_a_spot_instance_has_notice_before_it_is_taken_back(renter, cloud):
    instance_id = renter.launch(InstanceMarketOptions={"MarketType": "spot"})
    renter.run(instance_id, "true")

    cloud.fault("spot-notice", instance=instance_id, seconds=2)
    notice = "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/spot/instance-action"
    seen = renter.run(instance_id, f"curl -sf {notice}").stdout

    assert json.loads(seen)["action"] == "terminate"
    renter.until(instance_id, "terminated")
    reason = renter.instance(instance_id)["StateReason"]["Code"]
    assert reason == "Server.SpotInstanceTermination"


def test_what_happens_now_leaves_a_stopped_instance_alone(renter, cloud):
    instance_id = renter.launch()
    renter.stop(instance_id)
    before = renter.instance(instance_id)

    for name in ("new-address", "host-key-swap", "spot-notice"):
        cloud.fault(name)

    assert renter.instance(instance_id) == before


def test_an_unknown_fault_is_refused_by_name(cloud):
    with pytest.raises(DLMagicsError, match="'no-capacty'") as error:
        cloud.fault("no-capacty")

    assert "no-capacity" in error.value.fix


@pytest.mark.parametrize("headers", [{}, {"X-Practice": "guessed"}])
def test_who_does_not_know_the_id_has_no_control(cloud, headers):
    request = urllib.request.Request(f"{cloud.url}/_practice/stop", b"{}", headers)

    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)

    assert error.value.code == 403
    assert practice.find(cloud.folder)

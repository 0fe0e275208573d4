from __future__ import annotations

import json
import time

import asyncssh
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from dl_magics.errors import DLMagicsError
from support.ec2_client import until


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_fault_occurs_the_given_number_of_times(renter, cloud):
    cloud.inject_fault("throttled", times=3)

    for _ in range(3):
        with pytest.raises(ClientError) as error:
            renter.ec2.describe_instances()
        assert code(error) == "RequestLimitExceeded"

    renter.ec2.describe_instances()


def test_a_refused_launch_leaves_nothing(renter, cloud):
    cloud.inject_fault("no-capacity")

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


def test_a_denied_call_names_the_action(renter, cloud):
    cloud.inject_fault("not-allowed", actions=["CreateSecurityGroup"])

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
def test_other_services_have_their_own_error_codes(renter, cloud, service, method, expected):
    cloud.inject_fault("expired-token")

    with pytest.raises(ClientError) as error:
        getattr(renter.client(service), method)()

    assert code(error).startswith(expected)


def test_a_fault_can_be_limited_to_one_instance(renter, cloud):
    spared, hit = renter.launch(), renter.launch()
    cloud.inject_fault("wrong-state", instance=hit)

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
def test_a_network_fault_breaks_one_call(renter, cloud, name, expected, aim):
    cloud.inject_fault(name, **aim)

    with pytest.raises(expected):
        renter.ec2.describe_instances()

    renter.ec2.describe_instances()


def test_other_calls_are_served_during_a_timeout(renter, cloud):
    cloud.inject_fault("time-out", seconds=6, actions=["DescribeVolumes"])

    with pytest.raises(ReadTimeoutError):
        renter.ec2.describe_volumes()

    renter.ec2.describe_instances()


def test_an_instance_can_be_terminated_from_elsewhere(renter, cloud):
    instance_id = renter.launch()

    cloud.inject_fault("terminated", instance=instance_id)

    renter.until(instance_id, "terminated")


def test_a_start_without_capacity_stops_an_old_instance_and_terminates_a_new_one(renter, cloud):
    old = renter.launch()
    renter.stop(old)

    cloud.inject_fault("no-capacity-late", times=2)
    renter.ec2.start_instances(InstanceIds=[old])
    new = renter.run_instances()["InstanceId"]
    renter.until(old, "stopped")
    renter.until(new, "terminated")

    for each in (old, new):
        reason = renter.instance(each)["StateReason"]["Code"]
        assert reason == "Server.InsufficientInstanceCapacity"


def test_a_cleared_fault_does_not_occur(renter, cloud):
    cloud.inject_fault("throttled", times=9)

    cloud.clear_faults()

    assert renter.ec2.describe_instances()


def test_ssh_answers_late_after_a_slow_boot(renter, cloud):
    cloud.inject_fault("slow-boot", seconds=2)
    instance_id = renter.launch()
    ran = time.monotonic()

    renter.run(instance_id, "true")

    assert time.monotonic() - ran > 1


def test_a_new_address_reaches_the_same_host(renter, cloud):
    instance_id = renter.launch()
    renter.run(instance_id, "touch here")
    before = renter.instance(instance_id)["PublicIpAddress"]

    cloud.inject_fault("new-address", instance=instance_id)

    assert renter.instance(instance_id)["PublicIpAddress"] != before
    assert renter.run(instance_id, "ls").stdout == "here\n"


def test_a_replaced_host_key_is_served(renter, cloud):
    instance_id = renter.launch()
    before = renter.host_key(instance_id)

    cloud.inject_fault("host-key-swap", instance=instance_id)

    until(lambda: renter.host_key(instance_id) != before)


def test_a_host_may_accept_another_user_than_that_of_its_image(renter, cloud):
    instance_id = renter.launch()
    renter.run(instance_id, "true")

    cloud.inject_fault("other-user", instance=instance_id)

    with pytest.raises(asyncssh.PermissionDenied):
        renter.run(instance_id, "true")


def test_a_spot_instance_gets_a_notice_before_its_interruption(renter, cloud):
    instance_id = renter.launch(InstanceMarketOptions={"MarketType": "spot"})
    renter.run(instance_id, "true")

    cloud.inject_fault("spot-notice", instance=instance_id, seconds=2)
    here, header = "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest", "-H X-aws-ec2-metadata-token"
    token = f"token=$(curl -sf -X PUT {header}-ttl-seconds:60 {here}/api/token)"
    notice = f"curl -sf {header}:$token {here}/meta-data/spot/instance-action"
    seen = renter.run(instance_id, f"{token}; {notice}").stdout

    assert json.loads(seen)["action"] == "terminate"
    renter.until(instance_id, "terminated")
    reason = renter.instance(instance_id)["StateReason"]["Code"]
    assert reason == "Server.SpotInstanceTermination"


def test_an_event_does_not_change_a_stopped_instance(renter, cloud):
    instance_id = renter.launch()
    renter.stop(instance_id)
    before = renter.instance(instance_id)

    for name in ("new-address", "host-key-swap", "other-user", "spot-notice"):
        cloud.inject_fault(name)

    assert renter.instance(instance_id) == before


def test_an_unknown_fault_is_rejected_with_the_known_names(cloud):
    with pytest.raises(DLMagicsError, match="'no-capacty'") as error:
        cloud.inject_fault("no-capacty")

    assert "no-capacity" in error.value.fix

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_fault_occurs_the_given_number_of_times(renter, account):
    account.inject_fault("throttled", times=3)

    for _ in range(3):
        with pytest.raises(ClientError) as error:
            renter.ec2.describe_instances()
        assert code(error) == "RequestLimitExceeded"

    renter.ec2.describe_instances()


def test_a_refused_launch_leaves_nothing(renter, account):
    account.inject_fault("no-capacity")

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


def test_a_denied_call_names_the_action(renter, account):
    account.inject_fault("not-allowed", actions=["CreateSecurityGroup"])

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
def test_other_services_have_their_own_error_codes(renter, account, service, method, expected):
    account.inject_fault("expired-token")

    with pytest.raises(ClientError) as error:
        getattr(renter.client(service), method)()

    assert code(error).startswith(expected)


def test_a_fault_can_be_limited_to_one_instance(renter, account):
    spared, hit = renter.launch(), renter.launch()
    account.inject_fault("wrong-state", instance=hit)

    renter.ec2.stop_instances(InstanceIds=[spared])
    with pytest.raises(ClientError) as error:
        renter.ec2.stop_instances(InstanceIds=[hit])

    assert code(error) == "IncorrectInstanceState"


def test_an_instance_can_be_terminated_from_elsewhere(renter, account):
    instance_id = renter.launch()

    account.inject_fault("terminated", instance=instance_id)

    renter.until(instance_id, "terminated")


def test_a_start_without_capacity_stops_an_old_instance_and_terminates_a_new_one(renter, account):
    old = renter.launch()
    renter.stop(old)

    account.inject_fault("no-capacity-late", times=2)
    renter.ec2.start_instances(InstanceIds=[old])
    new = renter.run_instances()["InstanceId"]
    renter.until(old, "stopped")
    renter.until(new, "terminated")

    for each in (old, new):
        reason = renter.instance(each)["StateReason"]["Code"]
        assert reason == "Server.InsufficientInstanceCapacity"


def test_a_cleared_fault_does_not_occur(renter, account):
    account.inject_fault("throttled", times=9)

    account.api.faults.clear()

    assert renter.ec2.describe_instances()

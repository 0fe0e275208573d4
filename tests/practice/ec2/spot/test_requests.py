"""Spot instances of the practice cloud do what the EC2 user guide says of them, no more."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

IMAGE = "ami-0d1ea5e5c10bd5a11"
LASTING = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
PRICE = 0.526 * 0.36


def launch(account, type_="g4dn.xlarge", **options):
    spot = {"MarketType": "spot", "SpotOptions": {**LASTING, **options}}
    return account.launch(type_, InstanceMarketOptions=spot)


def describe(account, instance_id):
    found = account.client().describe_instances(InstanceIds=[instance_id])
    return found["Reservations"][0]["Instances"][0]


def state(account, instance_id):
    return describe(account, instance_id)["State"]["Name"]


def requests(account, **more):
    # The first answer lets what is due happen.
    account.client().describe_instances()
    found = account.client().describe_spot_instance_requests(**more)["SpotInstanceRequests"]
    return [(each["State"], each["Status"]["Code"]) for each in found]


def request_of(account, instance_id):
    return describe(account, instance_id)["SpotInstanceRequestId"]


def refused(call, **parameters):
    """Return the code of the error that a call ends with."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def running(account):
    filters = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    found = account.client().describe_instances(Filters=filters)["Reservations"]
    return [one["InstanceId"] for each in found for one in each["Instances"]]


def test_a_stop_disables_a_persistent_request_and_a_start_opens_it_again(account):
    id_, ec2 = launch(account), account.client()

    assert requests(account) == [("active", "fulfilled")]
    ec2.stop_instances(InstanceIds=[id_])
    assert requests(account) == [("disabled", "instance-stopped-by-user")]
    ec2.start_instances(InstanceIds=[id_])
    assert requests(account) == [("active", "fulfilled")]


def test_a_terminated_instance_is_replaced_while_its_persistent_request_is_open(account):
    id_, ec2 = launch(account), account.client()

    ec2.terminate_instances(InstanceIds=[id_])

    assert requests(account) == [("active", "fulfilled")]
    (fresh,) = running(account)
    assert fresh != id_
    assert "Tags" not in describe(account, fresh)


@pytest.mark.parametrize(
    ("stopped", "code", "left"),
    [
        (False, "request-canceled-and-instance-running", "running"),
        (True, "instance-terminated-by-service", "terminated"),
    ],
)
def test_a_cancelled_request_leaves_a_running_instance_but_not_a_stopped_one(
    account, stopped, code, left
):
    id_, ec2 = launch(account), account.client()
    if stopped:
        ec2.stop_instances(InstanceIds=[id_])
    requests(account)

    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request_of(account, id_)])

    ec2.describe_instances()
    assert state(account, id_) == left
    assert requests(account)[0][0] == "cancelled"
    if not stopped:
        assert requests(account)[0][1] == code
        assert refused(ec2.stop_instances, InstanceIds=[id_]) == "UnsupportedOperation"
        ec2.terminate_instances(InstanceIds=[id_])
        ec2.describe_instances()
    assert running(account) == []


def test_an_interrupted_instance_is_started_by_ec2_alone(account):
    id_, ec2 = launch(account), account.client()

    account.inject_fault("spot-notice", seconds=0)

    assert requests(account) == [("disabled", "instance-stopped-no-capacity")]
    assert describe(account, id_)["StateReason"]["Code"] == "Server.SpotInstanceShutdown"
    assert refused(ec2.start_instances, InstanceIds=[id_]) == "IncorrectSpotRequestState"
    account.inject_fault("spot-capacity")
    assert requests(account) == [("active", "fulfilled")]
    assert state(account, id_) == "running"


def test_a_notice_does_not_outlive_a_stop(account):
    id_, ec2 = launch(account), account.client()
    account.inject_fault("spot-notice", seconds=60)
    assert requests(account) == [("active", "marked-for-stop")]

    ec2.stop_instances(InstanceIds=[id_])

    assert requests(account) == [("disabled", "instance-stopped-by-user")]
    assert account.api.state.extra["notices"] == {}


def test_a_price_above_the_maximum_interrupts_and_refuses(account):
    cheap, other = launch(account, MaxPrice=f"{PRICE + 0.01}"), launch(account, "t2.micro")

    account.inject_fault("spot-price", seconds=0)

    assert requests(account)[0] == ("disabled", "instance-stopped-by-price")
    assert state(account, other) == "running"
    code = refused(lambda: launch(account, "g4dn.2xlarge", MaxPrice="0.3"))
    assert code == "SpotMaxPriceTooLow"
    account.inject_fault("spot-capacity")
    assert requests(account)[0] == ("active", "fulfilled")
    assert state(account, cheap) == "running"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"InstanceInterruptionBehavior": "terminate"}, "InvalidParameterCombination"),
        ({"SpotInstanceType": "one-time"}, "InvalidParameterCombination"),
        ({"MaxPrice": "0.001"}, "InvalidParameterValue"),
        ({"MaxPrice": "cheap"}, "InvalidParameterValue"),
        ({"MaxPrice": "0.1"}, "SpotMaxPriceTooLow"),
    ],
)
def test_options_that_aws_refuses(account, options, code):
    assert refused(lambda: launch(account, **options)) == code
    assert running(account) == []


def test_spot_instances_have_a_quota_of_their_own(account):
    launch(account, "g4dn.16xlarge")
    account.launch("g4dn.16xlarge")

    assert refused(lambda: launch(account)) == "MaxSpotInstanceCountExceeded"


def test_the_type_of_a_spot_instance_stays(account):
    id_, ec2 = launch(account), account.client()
    ec2.stop_instances(InstanceIds=[id_])
    wanted = {"InstanceId": id_, "InstanceType": {"Value": "g4dn.2xlarge"}}

    assert refused(ec2.modify_instance_attribute, **wanted) == "UnsupportedOperation"


def test_a_shutdown_in_an_instance_stops_it_or_ends_a_one_time_one(account):
    lasting = launch(account)
    once = account.launch(InstanceMarketOptions={"MarketType": "spot"})

    for each in (lasting, once):
        account.api._on_guest_request(each, "shutdown")

    assert requests(account) == [
        ("disabled", "instance-stopped-by-user"),
        ("closed", "instance-terminated-by-user"),
    ]


def test_requests_are_found_by_their_state_id_and_tags(account):
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "of", "Value": "us"}]}]
    spot = {"MarketType": "spot", "SpotOptions": LASTING}
    id_ = account.launch(InstanceMarketOptions=spot, TagSpecifications=tags)
    launch(account)

    ec2 = account.client()
    by_tag = ec2.describe_spot_instance_requests(Filters=[{"Name": "tag:of", "Values": ["us"]}])
    (found,) = by_tag["SpotInstanceRequests"]
    assert (found["InstanceId"], found["Tags"]) == (id_, [{"Key": "of", "Value": "us"}])
    assert len(requests(account, Filters=[{"Name": "state", "Values": ["active"]}])) == 2
    assert requests(account, Filters=[{"Name": "state", "Values": ["open"]}]) == []
    missing = {"SpotInstanceRequestIds": ["sir-00000000"]}
    code = refused(ec2.describe_spot_instance_requests, **missing)
    assert code == "InvalidSpotInstanceRequestID.NotFound"

from __future__ import annotations

import base64

import pytest
from botocore.exceptions import ClientError

from dl_magics.practice.ec2 import catalog
from support.ec2_client import open_session


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_launch_passes_through_pending(renter):
    launched = renter.run_instances()

    assert launched["State"]["Name"] == "pending"
    renter.until(launched["InstanceId"], "running")


def test_the_same_client_token_launches_once(renter):
    first = renter.run_instances(ClientToken="once")
    again = renter.run_instances(ClientToken="once")

    assert again["InstanceId"] == first["InstanceId"]
    assert len(renter.ec2.describe_instances(Filters=[running()])["Reservations"]) == 1


def running():
    return {"Name": "instance-state-name", "Values": ["pending", "running"]}


def test_the_same_client_token_with_other_parameters_is_rejected(renter):
    renter.run_instances(ClientToken="other")

    with pytest.raises(ClientError) as error:
        renter.run_instances("t2.large", ClientToken="other")

    assert refused(error) == "IdempotentParameterMismatch"


def test_several_instances_can_be_launched_in_one_call(renter):
    asked = {"ImageId": renter.image(), "InstanceType": "t2.micro"}

    launched = renter.ec2.run_instances(MinCount=1, MaxCount=3, **asked)["Instances"]

    assert len({one["InstanceId"] for one in launched}) == 3


def test_an_instance_of_a_spot_request_runs(renter):
    launch = {"ImageId": renter.image(), "InstanceType": "t2.micro"}

    renter.ec2.request_spot_instances(SpotPrice="1", LaunchSpecification=launch)

    (reservation,) = renter.ec2.describe_instances(Filters=[running()])["Reservations"]
    renter.until(reservation["Instances"][0]["InstanceId"], "running")


def test_starting_a_running_instance_changes_nothing(renter):
    instance_id = renter.launch()
    before = renter.instance(instance_id)

    answer = renter.ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"][0]

    assert answer["CurrentState"]["Name"] == answer["PreviousState"]["Name"] == "running"
    assert renter.instance(instance_id) == before


def test_a_dry_run_stops_nothing(renter):
    instance_id = renter.launch()

    with pytest.raises(ClientError) as error:
        renter.ec2.stop_instances(InstanceIds=[instance_id], DryRun=True)

    assert refused(error) == "DryRunOperation"
    assert renter.state(instance_id) == "running"


@pytest.mark.parametrize(
    ("instance_id", "code"),
    [
        ("i-00000000000000000", "InvalidInstanceID.NotFound"),
        ("gpu", "InvalidInstanceID.Malformed"),
    ],
)
def test_an_unknown_instance_id_is_an_error(renter, instance_id, code):
    with pytest.raises(ClientError) as error:
        renter.ec2.start_instances(InstanceIds=[instance_id])

    assert refused(error) == code


def test_an_instance_of_another_region_is_not_found(renter):
    elsewhere = renter.client("ec2", region="eu-west-1")
    instance_id = renter.launch()

    with pytest.raises(ClientError) as error:
        elsewhere.stop_instances(InstanceIds=[instance_id])

    assert refused(error) == "InvalidInstanceID.NotFound"


@pytest.mark.parametrize(
    ("instance_type", "code"),
    [("p2.xlarge", "Unsupported"), ("zz.huge", "InvalidParameterValue")],
)
def test_a_type_that_is_not_offered_is_rejected(renter, instance_type, code):
    instance_id = renter.launch()
    renter.stop(instance_id)
    wanted = {"Value": instance_type}

    with pytest.raises(ClientError) as launching:
        renter.run_instances(instance_type)
    with pytest.raises(ClientError) as resizing:
        renter.ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType=wanted)

    assert refused(launching) == refused(resizing) == code


@pytest.mark.parametrize("instance_type", ["t2.micro", "g4dn.xlarge", "g5.xlarge", "p3.2xlarge"])
def test_an_offered_type_runs(renter, instance_type):
    instance_id = renter.launch(instance_type)

    assert renter.instance(instance_id)["InstanceType"] == instance_type


def test_an_unknown_image_is_rejected(renter):
    with pytest.raises(ClientError) as error:
        renter.run_instances(ImageId="ami-00000000000000000")

    assert refused(error) == "InvalidAMIID.NotFound"


def test_a_launch_uses_a_zone_that_offers_the_type(renter):
    offers = renter.ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["p5.48xlarge"]}],
    )["InstanceTypeOfferings"]

    instance_id = renter.launch("p5.48xlarge")

    zone = renter.instance(instance_id)["Placement"]["AvailabilityZone"]
    assert zone in [offer["Location"] for offer in offers]


def test_the_type_changes_only_while_stopped(renter):
    instance_id = renter.launch()
    wanted = {"InstanceId": instance_id, "InstanceType": {"Value": "g5.xlarge"}}

    with pytest.raises(ClientError) as error:
        renter.ec2.modify_instance_attribute(**wanted)
    renter.stop(instance_id)
    renter.ec2.modify_instance_attribute(**wanted)

    assert refused(error) == "IncorrectInstanceState"
    assert renter.instance(instance_id)["InstanceType"] == "g5.xlarge"


def test_every_start_assigns_a_new_address_and_launch_time(renter):
    instance_id = renter.launch()
    first = renter.instance(instance_id)

    renter.stop(instance_id)
    stopped = renter.instance(instance_id)
    renter.start(instance_id)
    second = renter.instance(instance_id)

    assert first["PublicIpAddress"].startswith("203.0.113.")
    assert "PublicIpAddress" not in stopped
    assert second["PublicIpAddress"] != first["PublicIpAddress"]
    assert second["LaunchTime"] >= first["LaunchTime"]


def test_a_security_group_in_use_cannot_be_deleted(renter):
    group = renter.ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    instance_id = renter.launch(SecurityGroupIds=[group])

    with pytest.raises(ClientError) as error:
        renter.ec2.delete_security_group(GroupId=group)
    renter.ec2.terminate_instances(InstanceIds=[instance_id])
    renter.until(instance_id, "terminated")
    renter.ec2.delete_security_group(GroupId=group)

    assert refused(error) == "DependencyViolation"


def test_terminating_an_instance_deletes_its_disk(renter):
    ebs = {"VolumeType": "gp3", "VolumeSize": 100, "Encrypted": True, "DeleteOnTermination": True}
    instance_id = renter.launch(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])
    disk = renter.instance(instance_id)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    made = renter.ec2.describe_volumes(VolumeIds=[disk])["Volumes"][0]

    renter.ec2.terminate_instances(InstanceIds=[instance_id])
    renter.until(instance_id, "terminated")

    assert (made["Size"], made["VolumeType"], made["Encrypted"]) == (100, "gp3", True)
    assert disk not in [one["VolumeId"] for one in renter.ec2.describe_volumes()["Volumes"]]


def test_every_type_with_a_price_is_offered(renter):
    offered = renter.ec2.get_paginator("describe_instance_type_offerings").paginate()
    known = {one["InstanceType"] for page in offered for one in page["InstanceTypeOfferings"]}

    assert {
        name for name in catalog.load_prices() if catalog.on_demand_price(name, "us-east-1")
    } <= known


def test_an_sts_session_requires_its_token(renter, account):
    given = renter.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    words = (given["AccessKeyId"], given["SecretAccessKey"])

    def describe_instances(token):
        session = open_session(*words, token, region_name="us-east-1")
        return session.client("ec2", endpoint_url=account.url).describe_instances()

    assert "Reservations" in describe_instances(given["SessionToken"])
    with pytest.raises(ClientError) as refused:
        describe_instances("guessed")
    assert "(AuthFailure)" in str(refused.value)


def test_a_read_shows_the_last_change(renter):
    instance_id = renter.launch()

    for name in "abc":
        renter.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "Name", "Value": name}])

        assert renter.instance(instance_id)["Tags"] == [{"Key": "Name", "Value": name}]


def test_the_user_data_is_an_attribute_of_the_instance(renter):
    instance_id = renter.launch(UserData="hello")

    found = renter.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")

    assert base64.b64decode(found["UserData"]["Value"]) == b"hello"


def test_user_data_has_at_most_16_kib_before_it_is_encoded(renter):
    renter.launch(UserData=b"\x1f\x8b" + bytes(16_382))

    with pytest.raises(ClientError, match="User data is limited to 16384 bytes"):
        renter.launch(UserData=bytes(16_385))


def test_what_a_shutdown_does_can_be_changed(renter):
    instance_id = renter.launch()
    name = "InstanceInitiatedShutdownBehavior"

    renter.ec2.modify_instance_attribute(InstanceId=instance_id, **{name: {"Value": "terminate"}})
    found = renter.ec2.describe_instance_attribute(
        InstanceId=instance_id, Attribute=f"{name[0].lower()}{name[1:]}"
    )

    assert found[name]["Value"] == "terminate"
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        renter.ec2.modify_instance_attribute(InstanceId=instance_id, **{name: {"Value": "sleep"}})

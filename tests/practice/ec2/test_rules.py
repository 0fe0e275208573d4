"""The practice cloud refuses what AWS refuses, and moto does not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

IMAGE = "ami-0d1ea5e5c10bd5a11"
WITHOUT_ENA = "ami-1e749f67"


def launch(account, type_="t2.micro", *, image=IMAGE, region="us-east-1", **more):
    asked = {"ImageId": image, "InstanceType": type_, "MinCount": 1, "MaxCount": 1, **more}
    ec2 = account.client(region=region)
    return ec2.run_instances(**asked)["Instances"][0]["InstanceId"]


def describe(account, *ids, region="us-east-1"):
    found = account.client(region=region).describe_instances(InstanceIds=list(ids))
    return [one for each in found["Reservations"] for one in each["Instances"]]


def states(account, *ids):
    return [each["State"]["Name"] for each in describe(account, *ids)]


def refused(call, **parameters):
    """Return the code of the error that a call ends with."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def test_a_start_counts_against_the_quota(account):
    first, second = (launch(account, "g4dn.8xlarge") for _ in range(2))
    ec2 = account.client()
    ec2.stop_instances(InstanceIds=[second])
    launch(account, "g4dn.8xlarge")

    assert refused(ec2.start_instances, InstanceIds=[second]) == "VcpuLimitExceeded"
    ec2.stop_instances(InstanceIds=[first])
    ec2.start_instances(InstanceIds=[second])
    assert states(account, first, second) == ["stopped", "running"]


@pytest.mark.parametrize(
    ("image", "type_", "code"),
    [
        (IMAGE, "g5g.xlarge", "InvalidParameterValue"),
        (WITHOUT_ENA, "g4dn.xlarge", "InvalidParameterCombination"),
    ],
    ids=["another architecture", "without ENA"],
)
def test_a_type_that_the_image_does_not_run_on_is_refused(account, image, type_, code):
    stopped = launch(account, image=image)
    ec2 = account.client()
    ec2.stop_instances(InstanceIds=[stopped])
    change = {"InstanceId": stopped, "InstanceType": {"Value": type_}}

    assert refused(ec2.modify_instance_attribute, **change) == code
    assert refused(lambda: launch(account, type_, image=image)) == code
    assert describe(account, stopped)[0]["InstanceType"] == "t2.micro"


def test_the_ena_support_of_images_and_instances_is_described(account):
    instance = launch(account, image=WITHOUT_ENA)

    images = account.client().describe_images(ImageIds=[IMAGE, WITHOUT_ENA])["Images"]

    assert {each["ImageId"]: each["EnaSupport"] for each in images} == {
        IMAGE: True,
        WITHOUT_ENA: False,
    }
    assert describe(account, instance)[0]["EnaSupport"] is False


@pytest.mark.parametrize(
    ("attribute", "call"),
    [("DisableApiStop", "stop_instances"), ("DisableApiTermination", "terminate_instances")],
)
def test_a_protected_instance_and_those_named_with_it_are_left_alone(account, attribute, call):
    protected, other = launch(account), launch(account)
    ec2 = account.client()
    ec2.modify_instance_attribute(InstanceId=protected, **{attribute: {"Value": True}})

    code = refused(getattr(ec2, call), InstanceIds=[other, protected])

    assert code == "OperationNotPermitted"
    assert states(account, protected, other) == ["running", "running"]


def test_only_a_persistent_spot_instance_can_be_stopped(account):
    persistent = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}

    def market(options):
        return {"MarketType": "spot", "SpotOptions": options}

    once = launch(account, InstanceMarketOptions=market({"SpotInstanceType": "one-time"}))
    lasting = launch(account, InstanceMarketOptions=market(persistent))
    ec2 = account.client()

    assert refused(ec2.stop_instances, InstanceIds=[once]) == "UnsupportedOperation"
    ec2.stop_instances(InstanceIds=[lasting])
    assert states(account, once, lasting) == ["running", "stopped"]


def test_a_launch_without_a_subnet_needs_a_default_vpc_with_subnets(account):
    ec2 = account.client()
    for each in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=each["SubnetId"])

    without_subnets = refused(lambda: launch(account))
    ec2.delete_vpc(VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    without_vpc = refused(lambda: launch(account))

    assert (without_subnets, without_vpc) == ("MissingInput", "VPCIdNotSpecified")


def test_filters_take_200_values(account):
    ec2 = account.client()
    ids = [f"i-{n:017x}" for n in range(201)]
    filters = [{"Name": "instance-id", "Values": ids}]

    assert refused(ec2.describe_instances, Filters=filters) == "FilterLimitExceeded"
    filters[0]["Values"] = ids[:200]
    assert ec2.describe_instances(Filters=filters)["Reservations"] == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("kms-key", "Client.InternalError"),
        ("volume-limit-late", "Client.VolumeLimitExceeded"),
        ("no-snapshot", "Client.InvalidSnapshot.NotFound"),
    ],
)
def test_an_instance_that_does_not_start_has_the_reason_of_ec2(account, fault, code):
    instance = launch(account)
    states(account, instance)
    ec2 = account.client()
    ec2.stop_instances(InstanceIds=[instance])
    states(account, instance)

    account.inject_fault(fault)
    ec2.start_instances(InstanceIds=[instance])

    (found,) = describe(account, instance)
    assert found["State"]["Name"] == "stopped"
    assert found["StateReason"]["Code"] == code
    assert found["StateReason"]["Message"].startswith(f"{code}: ")


def test_launch_more_like_this_copies_the_tags_and_not_the_client_token(account):
    tags = [{"Key": "Name", "Value": "gpu"}, {"Key": "dl-magics:token", "Value": "once"}]
    marked = [{"ResourceType": "instance", "Tags": tags}]
    first = launch(account, ClientToken="once", TagSpecifications=marked)

    account.inject_fault("launch-more-like-this")

    (copy,) = [each for each in _all(account) if each["InstanceId"] != first]
    assert sorted(copy["Tags"], key=str) == sorted(tags, key=str)
    assert copy.get("ClientToken", "") == ""
    assert copy["InstanceType"] == "t2.micro"


def test_someone_may_launch_an_instance_in_another_region(account):
    account.inject_fault("elsewhere")

    assert _all(account) == []
    (found,) = _all(account, region="us-west-2")
    assert found["InstanceType"] == "p3.8xlarge"


def test_the_console_output_may_be_late(account):
    instance = launch(account)
    account.inject_fault("console-late")

    assert "Output" not in account.client().get_console_output(InstanceId=instance)


def _all(account, region="us-east-1"):
    found = account.client(region=region).describe_instances()["Reservations"]
    return [one for each in found for one in each["Instances"]]

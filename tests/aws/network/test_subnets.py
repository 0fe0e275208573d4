from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, selection
from dl_magics.aws.network import subnets

REGION = "us-west-1"


def select_region(name):
    settings = replace(selection.read().profile, region=name)
    selection.update(lambda before: replace(before, profile=settings))
    return context.load().session


@pytest.fixture
def own_vpc(cloud):
    """A region without a default VPC, with one VPC and a private and a public subnet."""
    session = select_region(REGION)
    for each in session.query("ec2", "describe_subnets")["Subnets"]:
        session.change_ec2("delete_subnet", SubnetId=each["SubnetId"])
    for each in session.query("ec2", "describe_internet_gateways")["InternetGateways"]:
        for attachment in each["Attachments"]:
            names = {"InternetGatewayId": each["InternetGatewayId"], "VpcId": attachment["VpcId"]}
            session.change_ec2("detach_internet_gateway", **names)
    for each in session.query("ec2", "describe_vpcs")["Vpcs"]:
        session.change_ec2("delete_vpc", VpcId=each["VpcId"])
    vpc = session.change_ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = {}
    for name, block in (("private", "10.9.1.0/24"), ("public", "10.9.2.0/24")):
        created = session.change_ec2(
            "create_subnet", VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}a"
        )
        made[name] = created["Subnet"]["SubnetId"]
        session.change_ec2(
            "modify_subnet_attribute",
            SubnetId=made[name],
            MapPublicIpOnLaunch={"Value": name == "public"},
        )
    return {"vpc": vpc, **made}


def test_the_default_subnets_are_those_of_the_default_vpc(cloud):
    session = select_region("us-east-1")

    found = subnets.find_default_subnets(session)

    assert {each.default for each in found} == {True}
    assert len({each.vpc for each in found}) == 1
    zone = found[0].zone
    assert [each.zone for each in subnets.find_default_subnets(session, zone)] == [zone]


def test_a_subnet_is_named_where_there_is_no_default_vpc(own_vpc, run):
    with pytest.raises(errors.CloudRefused) as refused:
        run("%aws_launch t2.micro --dry-run")
    report = run("%aws_check")
    public = run(f"%aws_launch t2.micro --dry-run --subnet {own_vpc['public']}")
    private = run(f"%aws_launch t2.micro --dry-run --subnet {own_vpc['private']}")

    assert f"--subnet {own_vpc['public']}" in refused.value.fix
    assert f"{own_vpc['private']} ({REGION}a, no public address)" in refused.value.fix
    assert not report.fine
    assert f"✗ network         Region {REGION} has no default VPC" in repr(report)
    assert "public IPv4, $0.005/h" in str(public)
    assert "without a public address" in str(private)


def test_a_launch_into_a_subnet_has_a_security_group_of_its_vpc(own_vpc, run):
    launched = run(f"%aws_launch t2.micro --name inside --subnet {own_vpc['public']} -y")

    session = context.load().session
    (found,) = session.query("ec2", "describe_instances", InstanceIds=[launched.id])["Reservations"]
    instance = found["Instances"][0]
    assert (instance["SubnetId"], instance["VpcId"]) == (own_vpc["public"], own_vpc["vpc"])
    assert launched.answers
    assert "already exists" not in run("%aws_check").__repr__()
    run("%aws_terminate inside -f")


@pytest.mark.parametrize("named", ["subnet-00000000000000000", "my subnet"])
def test_an_unknown_subnet_is_refused_with_those_that_exist(cloud, named):
    session = select_region("us-east-1")

    with pytest.raises(errors.BadSetting, match="does not exist in us-east-1") as refused:
        subnets.read_subnet(session, named)

    assert "--subnet subnet-" in refused.value.fix


def test_a_subnet_in_another_zone_than_the_named_one_is_refused(cloud):
    session = select_region("us-east-1")
    here, there = subnets.find_default_subnets(session)[:2]

    with pytest.raises(errors.BadSetting, match=f"is in {here.zone}, not in {there.zone}"):
        subnets.read_subnet(session, here.id, there.zone)

"""What costs money after an instance has ended: volumes of the person, and Elastic IP addresses."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.aws import context


@pytest.fixture
def with_more(cloud, rent):
    """The id of an instance that has a volume and an address of the person."""
    session, id_ = context.load().session, rent("t2.micro")
    where = session.query("ec2", "describe_instances", InstanceIds=[id_])
    zone = where["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    disk = {"AvailabilityZone": zone, "Size": 1000, "VolumeType": "gp3"}
    volume = session.change_ec2("create_volume", **disk)["VolumeId"]
    session.change_ec2("attach_volume", VolumeId=volume, InstanceId=id_, Device="/dev/sdf")
    address = session.change_ec2("allocate_address", Domain="vpc")
    session.change_ec2("associate_address", AllocationId=address["AllocationId"], InstanceId=id_)
    yield id_, volume, address["PublicIp"]
    session.change_ec2("release_address", AllocationId=address["AllocationId"])
    session.change_ec2("delete_volume", VolumeId=volume)


def test_a_terminate_names_what_stays_and_the_check_finds_it(with_more, run, capsys):
    id_, volume, ip = with_more

    run(f"%aws_terminate {id_} -f")
    said, checked = capsys.readouterr().out, repr(run("%aws_check"))

    there = "--region us-east-1"
    assert re.search(
        rf"{volume} \(1,000 GiB gp3\) stays, for \$80\.00/month\. "
        rf"In a terminal: aws ec2 delete-volume {there} --volume-id {volume}\n"
        rf"{ip} stays, for \$0\.005/h .*: aws ec2 release-address {there} --public-ip {ip}\n",
        said,
    )
    assert f"! volumes         {volume} (1,000 GiB gp3) is attached to no instance" in checked
    assert f"! elastic IPs     {ip} is not in use and costs $0.005/h" in checked


def test_an_instance_with_its_own_disk_leaves_nothing(cloud, rent, run, capsys):
    run(f"%aws_terminate {rent()} -f")

    assert "stays" not in capsys.readouterr().out
    assert "✓ volumes         none without an instance" in repr(run("%aws_check"))


def test_what_cannot_be_read_is_said_and_the_instance_is_terminated(cloud, rent, run, capsys):
    cloud.inject_fault("not-allowed", actions=("DescribeAddresses",))
    id_ = rent()

    run(f"%aws_terminate {id_} -f")

    assert "Which volumes and addresses stay is not known" in capsys.readouterr().out
    assert context.load().ec2.describe_instance(id_).gone

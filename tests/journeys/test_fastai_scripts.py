"""Defects of the fastai setup scripts of 2017 that the magics must not have, one test each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dl_magics.actions.aws import context
from dl_magics.errors import NoCapacity, SeveralInstances


def test_a_running_instance_is_found(rent, run):
    id_ = rent("g4dn.xlarge", state="running")

    assert run("%aws_get g4dn").id == id_


def test_an_ambiguous_name_is_an_error(rent, run):
    first, second = rent("t2.micro", "one"), rent("t2.micro", "two", state="stopped")

    with pytest.raises(SeveralInstances) as several:
        run("%aws_get_t2")

    assert first in str(several.value)
    assert second in str(several.value)
    assert run("%aws_get two").id == second


def test_another_process_uses_the_selected_instance(rent, run):
    id_ = rent()
    run("%aws_get gpu")

    code = "from dl_magics.actions.aws import context; print(context.load().resolve_instance().id)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == id_


def test_a_state_is_printed_without_quotes(rent, run, capsys):
    rent()
    run("%aws_get gpu")
    capsys.readouterr()

    state = run("%aws_state")

    assert state == "running"
    assert repr(state) == "running"
    assert "'running'" not in capsys.readouterr().out


def test_a_start_waits_until_ssh_answers(cloud, run):
    run("%aws_launch t2.micro -y")
    run("%aws_stop")
    cloud.inject_fault("slow-boot", seconds=2)

    started = run("%aws_start -y")

    assert started.answers
    assert run("%aws_ssh echo here").stdout == "here\n"


def test_one_port_is_open_to_one_address(cloud, run, address):
    launched = run("%aws_launch t2.micro -y")

    assert _rules(launched) == [("tcp", 22, 22, ["198.51.100.7/32"])]
    address.address = "198.51.100.99"
    run("%aws_start -y")
    assert _rules(launched) == [("tcp", 22, 22, ["198.51.100.99/32"])]


def test_a_second_launch_reuses_the_network_and_allocates_no_elastic_ip(cloud, run):
    run("%aws_launch t2.micro -y --name one")
    before = _network()

    run("%aws_launch t2.micro -y --name two")

    assert _network() == before
    assert context.load().session.query("ec2", "describe_addresses")["Addresses"] == []


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-northeast-2"])
def test_the_image_is_found_in_every_region(cloud, run, region):
    run(f"%aws_region {region}")

    plan = run("%aws_launch g4dn.xlarge --dry-run")

    assert plan.image.id.startswith("ami-")
    assert "Deep Learning" in plan.image.name


def test_a_failed_launch_names_the_cause_and_leaves_nothing_running(cloud, run):
    cloud.inject_fault("no-capacity")

    with pytest.raises(NoCapacity) as failed:
        run("%aws_launch t2.micro -y")

    assert "t2.micro" in str(failed.value)
    assert "Created so far" in str(failed.value)
    assert "%aws_launch" in failed.value.fix
    assert [each for each in context.load().ec2.list_instances() if not each.gone] == []
    assert run("%aws_launch t2.micro -y").answers


def _rules(instance):
    groups = context.load().session.query(
        "ec2", "describe_security_groups", GroupIds=list(instance.groups)
    )["SecurityGroups"]
    return [
        (
            rule["IpProtocol"],
            rule["FromPort"],
            rule["ToPort"],
            [source["CidrIp"] for source in rule["IpRanges"]],
        )
        for group in groups
        for rule in group["IpPermissions"]
    ]


def _network():
    calls = {
        "describe_vpcs": "Vpcs",
        "describe_subnets": "Subnets",
        "describe_security_groups": "SecurityGroups",
        "describe_internet_gateways": "InternetGateways",
        "describe_key_pairs": "KeyPairs",
    }
    return {
        call: len(json.dumps(context.load().session.query("ec2", call)[key], default=str))
        for call, key in calls.items()
    }

"""EC2 does not find an instance for some seconds after it has launched it."""

from __future__ import annotations

from dataclasses import replace

from dl_magics.actions.aws import context
from dl_magics.aws.monitoring import cloudwatch
from support.cloud import IMAGE


def test_a_launch_waits_until_ec2_finds_the_instance_and_creates_its_alarm(cloud, run):
    cloud.inject_fault("no-such-instance", actions=("DescribeInstances",), times=2)

    launched = run("%aws_launch t2.micro --name new -y")

    assert launched.answers
    assert cloudwatch.read_alarm(context.load().session, launched.id)
    assert [each.name for each in context.load().ec2.list_instances() if not each.gone] == ["new"]


def test_a_pending_instance_that_is_found_and_then_not_is_waited_for(cloud):
    current = context.load()
    asked = {"ImageId": IMAGE, "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1}
    answer = current.session.change_ec2("run_instances", **asked)
    launched = current.ec2.describe_instance(answer["Instances"][0]["InstanceId"])
    cloud.inject_fault("no-such-instance", actions=("DescribeInstances",), times=2)

    seen = list(current.ec2.start(replace(launched, state="pending")))

    assert [each.state for each in seen] == ["pending", "running"]

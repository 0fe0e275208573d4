"""Faults of a host, and what happens to it from outside."""

from __future__ import annotations

import json
import time

import asyncssh
import pytest

from support.ec2_client import until


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

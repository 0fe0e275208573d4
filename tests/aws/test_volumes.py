"""The disks of many instances, and of instances that share one."""

from __future__ import annotations

from dl_magics.actions.aws import context
from support.cloud import IMAGE


def launch_stopped(account, count):
    """Launch instances and stop them, as many at a time as the quota allows."""
    ec2, ids = account.client(), []
    while len(ids) < count:
        more = min(30, count - len(ids))
        made = ec2.run_instances(
            ImageId=IMAGE, InstanceType="t2.nano", MinCount=more, MaxCount=more
        )
        launched = [each["InstanceId"] for each in made["Instances"]]
        ec2.stop_instances(InstanceIds=launched)
        ids += launched
    return ids


def test_230_instances_are_listed_with_their_disks(uni, run):
    ids = launch_stopped(uni, 230)

    listing = run("%aws_list")

    assert {each.id for each in listing} == set(ids)
    assert {each.disk_gib for each in listing} == {8}
    sizes = [
        sum(".Value." in name for name in call.parameters)
        for call in uni.calls
        if call.action == "DescribeVolumes"
    ]
    assert sorted(sizes) == [30, 200]


def test_a_volume_of_two_instances_is_a_disk_of_both(uni, run):
    ours, other = launch_stopped(uni, 2)
    shared = (
        f"<item><volumeId>vol-1</volumeId><instanceId>{ours}</instanceId>"
        "<device>/dev/sdf</device><status>attached</status></item>"
    )
    uni.edits["DescribeVolumes"] = lambda body: body.replace(
        b"<attachmentSet>", f"<attachmentSet>{shared}".encode()
    )

    run("%aws_list")

    found = {each.id: each.disk_gib for each in context.load().ec2.list_instances()}
    assert found[other] == 8
    assert found[ours] > 8

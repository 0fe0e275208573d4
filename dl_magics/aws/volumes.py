"""The EBS volumes of instances: their types and sizes."""

from __future__ import annotations

from dataclasses import replace

from dl_magics.aws.pricing import known
from dl_magics.aws.session import AwsSession
from dl_magics.core.instance import Instance
from dl_magics.errors import WrongState


def add_disks(session: AwsSession, instances: list[Instance]) -> list[Instance]:
    """Return the instances with their disks, read where a tag does not name the only one."""
    unknown = [each for each in instances if each.volumes != len(each.disks) and not each.gone]
    if not unknown:
        return instances
    disks: dict[str, list[tuple[str, int]]] = {each.id: [] for each in unknown}
    for volume in session.query_filtered(
        "describe_volumes", "Volumes", "attachment.instance-id", disks
    ):
        for attachment in volume.get("Attachments", []):
            # A volume can be attached to several instances.
            if (id_ := attachment["InstanceId"]) in disks:
                disks[id_].append((volume["VolumeType"], volume["Size"]))
    now = known.read_known(session)
    return [
        known.add_costs(now, replace(each, disks=tuple(disks[each.id])))
        if each.id in disks
        else each
        for each in instances
    ]


def check_stoppable(instance: Instance) -> None:
    """Raise WrongState if EC2 cannot stop an instance, as its root device is no volume."""
    if not instance.ebs:
        raise WrongState(
            f"The root device of {instance.name} ({instance.id}) is on the instance store: it "
            "cannot be stopped, nor its type be changed.",
            fix="%sync down copies files from it · %aws_terminate "
            f"{instance.id} -f ends it and its costs.",
        )

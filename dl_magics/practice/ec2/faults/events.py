"""What happens to instances from outside: by EC2, or by others who use the account."""

from __future__ import annotations

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.catalog import ENABLED_REGIONS
from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.images import DEEP_LEARNING_IMAGE
from dl_magics.practice.ec2.lifecycle import TRANSITIONS, Lifecycle
from dl_magics.practice.ec2.spot.interruptions import Interruptions
from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.hosts.hosts import Hosts

OTHER_USER = "admin"
ELSEWHERE = ("p3.8xlarge", "forgotten")


class Events:
    """Applies the faults of the kind `event` at once."""

    def __init__(
        self, state: Ec2State, hosts: Hosts, lifecycle: Lifecycle, interruptions: Interruptions
    ) -> None:
        self._state = state
        self._hosts = hosts
        self._lifecycle = lifecycle
        self._interruptions = interruptions

    def apply(self, fault: Fault) -> None:
        """Apply an event to the instance that it names, or to all."""
        if fault.name == "elsewhere":
            self._launch_elsewhere()
            return
        if fault.name == "spot-price":
            self._interruptions.raise_prices(fault.seconds)
            return
        if fault.name == "spot-capacity":
            self._interruptions.restore_capacity()
            return
        for instance in self._state.list_instances():
            if fault.instance in ("", instance.id):
                self._apply_to(instance, fault)

    def _apply_to(self, instance: Instance, fault: Fault) -> None:
        terminable = TRANSITIONS["TerminateInstances"].starts_from
        if fault.name == "terminated" and instance.state in terminable:
            self._lifecycle.begin_transition(instance, "TerminateInstances")
        elif fault.name == "launch-more-like-this" and instance.state in terminable:
            self._launch_more_like(instance)
        elif instance.state != "running":
            return
        elif fault.name == "new-address":
            instance.nics[0].public_ip = self._state.allocate_address()
            self._hosts.change_address(instance.id, instance.public_ip or "")
        elif fault.name == "host-key-swap":
            self._hosts.replace_host_key(instance.id)
        elif fault.name == "other-user":
            self._hosts.change_login_user(instance.id, OTHER_USER)
        elif fault.name == "spot-notice":
            self._interruptions.announce(instance, fault.seconds)
        elif fault.name == "spot-rebalance":
            self._interruptions.recommend_rebalance(instance)

    def _launch_more_like(self, instance: Instance) -> None:
        """Launch another instance as the console does: with the type, image, key and tags."""
        self._launch(
            instance.region_name,
            instance.image_id,
            instance.instance_type,
            {tag["key"]: tag["value"] for tag in instance.get_tags()},
            instance.key_name,
        )

    def _launch_elsewhere(self) -> None:
        used = {each.region_name for each in self._state.list_instances()}
        region = next(name for name in reversed(ENABLED_REGIONS) if name not in used)
        type_, name = ELSEWHERE
        self._launch(region, str(DEEP_LEARNING_IMAGE["ami_id"]), type_, {"Name": name}, None)

    def _launch(
        self, region: str, image: str, type_: str, tags: dict[str, str], key: str | None
    ) -> None:
        self._state.region_backend(region).run_instances(
            image,
            1,
            None,
            [],
            instance_type=type_,
            is_instance_type_default=False,
            region_name=region,
            key_name=key,
            tags={"instance": tags},
        )
        self._lifecycle.adopt_new_instances()
        self._state.save(region)

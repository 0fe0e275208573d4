"""Change the type of an instance: what speaks against it is found before anything is stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dl_magics.actions.aws import instances
from dl_magics.actions.aws.context import Context
from dl_magics.aws import images, instance_types, quotas, volumes
from dl_magics.aws.pricing import known, prices
from dl_magics.aws.types import type_facts
from dl_magics.aws.types.type_facts import TypeFacts
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError, NoSuchImage, NoSuchType, WrongState
from dl_magics.store import lock, resizes
from dl_magics.store.resizes import Resize

# Others look for a moment whether it is held.
_LOCK_SECONDS = 2.0


def find_unfinished(instance: Instance) -> Resize | None:
    """Return the change of type for which an instance was stopped and not started again.

    None while a process is still at it.
    """
    found = resizes.find_unfinished(instance)
    return None if found and resizes.is_at_work(instance.id) else found


def resize_question(
    context: Context, type_: str, instance: Instance, *, going_on: Iterable[str] = ()
) -> str:
    """Check that the new type can work; return the confirmation question, with both prices.

    `going_on` are the names of the runs that its stop interrupts. Where the instance has the type
    already, and only its start was cut off, it is the question of the start.
    """
    if instance.type == type_:
        return instances.start_question(context, instance) or ""
    image = check_resize(context, type_, instance)
    before = known.read_known(context.session).of_type(instance.type)
    price = prices.read_price(context.session, type_)
    stops = "Change"
    if instance.costs_money:
        stops = "Stop, change and start"
    elif find_unfinished(instance):
        stops = "Change and start"
    gpu = instance_types.gpu_text(type_)
    lines = [
        f"{stops} {instance.name} ({instance.id}) in {context.account}:",
        f"from     {instance.type}, {money.describe_price(before)}",
        f"to       {type_}{f' ({gpu})' if gpu else ''}, "
        f"{money.describe_price(price)} while it runs",
        *(f"warning  {each}" for each in _list_warnings(context, type_, instance, image)),
        *(f"warning  it interrupts the run {each}, which can be resumed" for each in going_on),
    ]
    return "\n  ".join(lines)


def check_resize(context: Context, type_: str, instance: Instance) -> images.Image | None:
    """Raise an error if the new type cannot work; return the image of the instance, if it exists.

    Raises
    ------
    NoSuchType
        if the zone does not offer the type, or it is for another architecture, network adapter or
        boot mode.
    NoSuchImage
        if the image of the instance has no driver for the GPU of the type.
    QuotaReached
        if the vCPU quota is too small.
    WrongState
        if the instance cannot be stopped or changed.
    """
    context.ec2.check_type(type_, zone=instance.zone, magic="%aws_resize")
    facts = type_facts.read_facts(context.session, {type_, instance.type})
    _check_instance(instance)
    _check_architecture(instance, facts[type_])
    _check_network(instance, facts[instance.type], facts[type_])
    _check_boot_mode(instance, facts[type_])
    image = images.read_image(context.session, instance.image)
    if image and (why := images.find_misfit(image, facts[type_])):
        raise NoSuchImage(
            f"{why} {instance.name} was launched from it.",
            fix=f"Launch another, with the image for this type: {_launch(type_)}",
        )
    _check_quota(context, type_, instance)
    return image


def resize(context: Context, type_: str, word: str | None = None) -> Iterator[Instance]:
    """Change the type of an instance; a running one is stopped first and started again.

    What `check_resize` refuses is refused here too, before the stop. Where an earlier process has
    ended before the start, this goes on with it.
    """
    instance = context.resolve_instance(word, exact=True)
    busy = WrongState(
        f"Another process changes the type of {instance.name}.", fix="%aws_state shows its state."
    )
    with lock.hold(resizes.lock_name(instance.id), busy, seconds=_LOCK_SECONDS):
        starts = resizes.find_unfinished(instance) is not None
        if instance.type != type_:
            starts = starts or instance.costs_money
            check_resize(context, type_, instance)
            if starts:
                resizes.begin(instance.id, Resize(type_, instance.launched_at))
            for seen in context.ec2.stop(instance):
                instance = seen
                yield instances.add_price(context, seen)
            instance = _change_type(context, type_, instance, ran=starts)
        yield instances.add_price(context, instance)
        if starts:
            for seen in instances.start(context, instance.id):
                if seen.state == "running":
                    resizes.end(instance.id)
                yield seen


def _change_type(context: Context, type_: str, instance: Instance, *, ran: bool) -> Instance:
    try:
        return context.ec2.change_type(instance, type_)
    except DLMagicsError as error:
        if not ran:
            raise
        raise type(error)(
            f"{error} {instance.name} was stopped for it, and still is a {instance.type}.",
            fix=f"{error.fix} · %aws_start {instance.id} starts it as it was.",
        ) from error


def _check_instance(instance: Instance) -> None:
    volumes.check_stoppable(instance)
    if instance.spot:
        raise WrongState(
            f"{instance.name} is a spot instance: AWS does not change its type.",
            fix="Launch another: %aws_launch TYPE --name OTHER",
        )


def _check_architecture(instance: Instance, facts: TypeFacts) -> None:
    if facts.architectures and instance.architecture not in facts.architectures:
        raise NoSuchType(
            f"{facts.type} is {' or '.join(facts.architectures)}, and the disk of {instance.name} "
            f"is {instance.architecture}.",
            fix=f"Select a type for {instance.architecture} (%aws_prices), or launch another: "
            f"{_launch(facts.type)}",
        )


def _check_network(instance: Instance, before: TypeFacts, facts: TypeFacts) -> None:
    if facts.needs_ena and not (instance.ena or before.needs_ena):
        raise NoSuchType(
            f"{facts.type} needs the Elastic Network Adapter (ENA), which is not enabled for "
            f"{instance.name}: without its driver it would have no network.",
            fix="Install the ena driver in it, stop it, then: aws ec2 modify-instance-attribute "
            f"--instance-id {instance.id} --ena-support",
        )


def _check_boot_mode(instance: Instance, facts: TypeFacts) -> None:
    usual = "uefi" if instance.architecture == "arm64" else "legacy-bios"
    mode = instance.boot_mode or usual
    if facts.boot_modes and mode not in (*facts.boot_modes, "uefi-preferred"):
        raise NoSuchType(
            f"{facts.type} boots in the mode {' or '.join(facts.boot_modes)} only, and the disk of "
            f"{instance.name} in the mode {mode}.",
            fix=f"Select another type (%aws_prices), or launch another: {_launch(facts.type)}",
        )


def _check_quota(context: Context, type_: str, instance: Instance) -> None:
    """Check the quota without this instance; of a stopped one, whether it can be started at all."""
    others: list[Instance] = []
    if instance.costs_money:
        others = [each for each in context.ec2.list_instances() if each.id != instance.id]
    quotas.check_quota(context.session, type_, others)


def _list_warnings(
    context: Context, type_: str, instance: Instance, image: images.Image | None
) -> Iterator[str]:
    facts = type_facts.read_facts(context.session, {type_, instance.type})
    if (lost := facts[instance.type].instance_store_gb) and instance.costs_money:
        yield f"the stop erases its instance store of {lost} GB"
    if facts[type_].maker == "NVIDIA" and not (image and image.driver):
        yield f"its image{f' {image.name}' if image else ''} may have no NVIDIA driver"


def _launch(type_: str) -> str:
    return f"%aws_launch {type_} --name OTHER"

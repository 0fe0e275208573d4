"""Where we are: the chosen place, its door, and the instance that is meant there."""

from __future__ import annotations

from dl_magics.aws.ec2 import Ec2
from dl_magics.aws.profile import Place
from dl_magics.aws.session import Door
from dl_magics.core.instance import Instance, matching
from dl_magics.errors import DLMagicsError, NoRegion, NoSuchInstance, SeveralInstances
from dl_magics.store import state


def place() -> Place:
    """Return the chosen place."""
    return Place.chosen()


def door() -> Door:
    """Return the door to the chosen place."""
    found = Door.of(place())
    if not found.region:
        raise NoRegion("No AWS region is chosen.", fix="%aws_region us-east-1")
    return found


def ec2() -> Ec2:
    """Return the instances of the chosen place."""
    return Ec2(door())


def name() -> str:
    """Return the place's name as every listing shows it."""
    return _name(door())


def chosen_id() -> str | None:
    """Return the id of the instance that is meant where no name is said."""
    return _chosen_id(door())


def choose(instance: Instance) -> None:
    """Remember which instance is meant here, for this kernel and all others."""
    state.choose(**{f"instance in {name()}": instance.id})


def meant(word: str | None = None) -> Instance:
    """Return the instance that `word` means, or the chosen one, as EC2 has it now."""
    if word:
        return find(word)
    found = door()
    id_ = _chosen_id(found)
    if not id_:
        raise NoSuchInstance(
            f"No instance is chosen in {_name(found)}.",
            fix="%aws_list shows yours, %aws_get NAME chooses one · %aws_launch rents one.",
        )
    return _known(id_, found)


def find(word: str) -> Instance:
    """Return the one instance that a name, an id or the start of a type means."""
    everything = ec2().all()
    alive = [each for each in everything if not each.gone or each.id == word]
    found = matching(alive, word)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{each.name} ({each.type}, {each.state}, {each.id})" for each in found)
        raise SeveralInstances(
            f"'{word}' fits {len(found)} instances: {names}.",
            fix=f"Say one by its name or id: %aws_get {found[0].id}",
        )
    if word.startswith("i-"):
        return _known(word, door())
    raise NoSuchInstance(
        f"No instance in {name()} is called '{word}' or has that type.",
        fix="%aws_list shows the ones you have.",
    )


def _name(of: Door) -> str:
    return f"{of.place.name} · {of.region}"


def _chosen_id(of: Door) -> str | None:
    found = state.choices().get(f"instance in {_name(of)}")
    return str(found) if found else None


def _known(id_: str, of: Door) -> Instance:
    try:
        return Ec2(of).get(id_)
    except NoSuchInstance as error:
        region = _elsewhere(id_)
        if region:
            raise NoSuchInstance(
                f"{id_} is not in {of.region} but in {region}.", fix=f"%aws_region {region}"
            ) from error
        raise NoSuchInstance(
            f"{_name(of)} has no instance {id_} (any more).",
            fix="%aws_list shows the ones you have; %aws_get NAME chooses one.",
        ) from error


def _elsewhere(id_: str) -> str | None:
    try:
        return ec2().region_of(id_)
    except DLMagicsError:
        return None

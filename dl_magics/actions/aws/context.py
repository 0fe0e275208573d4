"""The AWS profile, region and selected instance that one magic or one click works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dl_magics.actions.aws import selection
from dl_magics.aws.ec2 import Ec2
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession
from dl_magics.core.instance import Instance, find_exact, find_matching
from dl_magics.errors import (
    DLMagicsError,
    NoRegion,
    NoSuchInstance,
    NotConfirmed,
    SeveralInstances,
    WrongState,
)
from dl_magics.store import ledger
from dl_magics.store.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Loaded once per magic or click and passed down, so that all its calls use one account.

    A profile or region that is selected in the meantime counts for the next magic. Where it does
    not remember, a selected instance that no longer exists stays selected.
    """

    profile: AwsProfile
    region: str
    session: AwsSession
    selected_id: str | None
    is_selected_by_part: bool = False
    allow_from: tuple[str, ...] = ()
    remembers: bool = True

    @property
    def profile_and_region(self) -> str:
        """The profile and region as listings show them: `default · us-east-1`."""
        return _profile_and_region(self.profile, self.region)

    @property
    def ec2(self) -> Ec2:
        """The instances of this profile and region."""
        return Ec2(self.session)

    @property
    def account(self) -> str:
        """The account and region as questions about money show them; queries AWS once."""
        url = self.profile.environment_endpoint
        endpoint = f", at {url}, not AWS" if url else ""
        return f"{self.profile_and_region}, account {self.session.account_id}{endpoint}"

    def in_region(self, region: str) -> Context:
        """Return the context of another region of the same profile."""
        return _make_context(replace(self.profile, region=region), {}, self.allow_from)

    def select_instance(self, instance: Instance, word: str | None = None) -> None:
        """Select an instance for all magics without a name, here and in notebooks opened later.

        `word` is what was typed for it.
        """
        by_part = word is not None and not find_exact([instance], word)
        selection.select_instance(self.profile_and_region, instance.id, by_part=by_part)

    def forget_instance(self, id_: str) -> None:
        """Select no instance where this one, which was terminated, is selected."""
        if self.remembers:
            selection.forget_instance(id_)

    def record(self, did: str, kind: str, **ids: str) -> None:
        """Append what was done to a resource to the ledger, with the account and region."""
        ledger.append(**self.make_entry(did, kind, **ids))

    def make_entry(self, did: str, kind: str, **ids: str) -> dict[str, str]:
        """Return the entry of the ledger for what was done to a resource."""
        where = {"account": self.session.account_id, "region": self.region}
        return {"did": did, "what": kind, **ids, **where}

    def resolve_instance(self, word: str | None = None, *, exact: bool = False) -> Instance:
        """Return the instance with this name, id, type or GPU, or the selected one, read from AWS.

        With `exact` only an id or a full name counts: for what costs money or deletes. An instance
        that dl_magics did not launch must also have been selected by one of them.

        Raises
        ------
        NoSuchInstance
            if no instance matches, or none is selected.
        NotConfirmed
            if dl_magics did not launch the selected instance, and it was selected by a part of
            its name.
        SeveralInstances
            if more than one matches.
        """
        if word:
            return self._find_instance(word, exact=exact)
        if not self.selected_id:
            raise NoSuchInstance(
                f"No instance is selected in {self.profile_and_region}.",
                fix="%aws_get NAME selects one, %aws_list lists them · or launch one: %aws_launch",
            )
        instance = self._describe_selected(self.selected_id)
        if exact and self.is_selected_by_part and not instance.ours:
            raise NotConfirmed(
                f"{instance!r} was selected by its type, its GPU or a part of its name, and "
                "dl_magics did not launch it.",
                fix=f"Name it in full: type {instance.id} in the line.",
            )
        return instance

    def _find_instance(self, word: str, *, exact: bool) -> Instance:
        instances = self.ec2.list_instances()
        candidates = [each for each in instances if not each.gone or each.id == word]
        found = find_matching(candidates, word)
        if exact and found and found != find_exact(candidates, word):
            names = ", ".join(f"{each.name} ({each.type}, {each.id})" for each in found)
            raise NoSuchInstance(
                f"No instance in {self.profile_and_region} has the full name or the id '{word}'. "
                f"It matches {names}.",
                fix="Type the full name or the id: here no part of it, no type and no GPU counts.",
            )
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(
                f"{each.name} ({each.type}, {each.state}, {each.id})" for each in found
            )
            raise SeveralInstances(
                f"'{word}' matches {len(found)} instances: {names}.",
                fix=f"Use its name or id: %aws_get {found[0].id}",
            )
        if word.startswith("i-"):
            return self._describe_instance(word)
        raise NoSuchInstance(
            f"No instance in {self.profile_and_region} has the name, id, type or GPU '{word}'.",
            fix="%aws_list shows your instances.",
        )

    def _describe_selected(self, id_: str) -> Instance:
        try:
            instance = self._describe_instance(id_)
        except NoSuchInstance:
            self.forget_instance(id_)
            raise
        if instance.gone:
            self.forget_instance(id_)
            raise NoSuchInstance(
                f"The selected instance {instance.name} ({id_}) no longer exists: "
                f"it is {instance.state}. No instance is selected now.",
                fix="%aws_get NAME selects another · %aws_launch TYPE launches a new one.",
            )
        return instance

    def _describe_instance(self, id_: str) -> Instance:
        try:
            return self.ec2.describe_instance(id_)
        except NoSuchInstance as error:
            if region := self._find_region(id_):
                raise NoSuchInstance(
                    f"{id_} is not in {self.region} but in {region}.", fix=f"%aws_region {region}"
                ) from error
            raise NoSuchInstance(
                f"Instance {id_} does not exist in {self.profile_and_region}.",
                fix="%aws_list shows your instances; %aws_get NAME selects one.",
            ) from error

    def _find_region(self, id_: str) -> str | None:
        try:
            return self.ec2.find_region(id_)
        except DLMagicsError:
            return None


def load(*, remembers: bool = True) -> Context:
    """Return the context of the profile, region and instance that are selected now.

    `--explain` remembers nothing.

    Raises
    ------
    NoCredentials
        if the profile does not exist.
    NoRegion
        if neither a magic nor the AWS configuration sets a region.
    WrongState
        if the practice cloud is selected and is not running.
    """
    return replace(from_state(selection.read()), remembers=remembers)


def from_state(remembered: State) -> Context:
    """Return the context of a state that was read before; raise as `load` does."""
    profile = AwsProfile.from_settings(remembered.profile)
    made = _make_context(profile, remembered.selected_instances, remembered.allow_from)
    return replace(made, is_selected_by_part=made.selected_id in remembered.selected_by_part)


def load_for(profile: AwsProfile) -> Context:
    """Return the context of a profile that was selected earlier; raise as `load` does.

    If it still is the selected one, later changes of its ssh_config and address service apply.
    """
    remembered = selection.read()
    selected = AwsProfile.from_settings(remembered.profile)
    if profile.names_same_account(selected):
        return from_state(remembered)
    return from_state(replace(remembered, profile=profile))


def load_profile() -> AwsProfile:
    """Return the selected profile; it may not exist in the AWS configuration."""
    return AwsProfile.from_settings(selection.read().profile)


def _make_context(
    profile: AwsProfile, selected: Mapping[str, str], allow_from: tuple[str, ...]
) -> Context:
    if profile.config_file:
        _check_practice_cloud(profile)
    session = AwsSession.open(profile)
    if not session.region:
        raise NoRegion(
            "No AWS region is selected.",
            fix="%aws_region us-east-1 · without an AWS account: %practice on",
        )
    return Context(
        profile=profile,
        region=session.region,
        session=session,
        selected_id=selected.get(_profile_and_region(profile, session.region)),
        allow_from=allow_from,
    )


def _check_practice_cloud(profile: AwsProfile) -> None:
    """Refuse a practice cloud that has ended: another user's program may answer at its port."""
    from dl_magics import practice

    if practice.has_ended(profile.profile, str(profile.config_file)):
        raise WrongState("The practice cloud is not running.", fix="%practice on")


def _profile_and_region(profile: AwsProfile, region: str) -> str:
    return f"{profile.name} · {region}"

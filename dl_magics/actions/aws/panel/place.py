"""The profile and region of JupyterLab's panel. Selecting them changes no notebook.

As long as nothing is selected for the panel, it shows what a new notebook would begin with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dl_magics.actions.aws import context, practice, selection
from dl_magics.actions.aws.context import Context
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession
from dl_magics.errors import DLMagicsError
from dl_magics.store import state
from dl_magics.store.state import ProfileSettings, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A profile and its region, None if no region is configured or the profile does not exist.

    `own` is true if it was selected for the panel, `practice` if it is the practice cloud.
    """

    profile: str
    region: str | None
    practice: bool
    own: bool

    @property
    def profile_and_region(self) -> str:
        """The profile and region as magics show them."""
        return f"{self.profile} · {self.region or 'no region'}"

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON."""
        return {
            "profile": self.profile,
            "region": self.region,
            "profile_and_region": self.profile_and_region,
            "practice": self.practice,
            "own": self.own,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The place, its account, and the profiles and regions that can be selected.

    `error` is why the account and the regions are unknown.
    """

    place: Place
    account: str | None
    profiles: tuple[str, ...]
    regions: tuple[str, ...]
    error: DLMagicsError | None


def read_place() -> Place:
    """Return the place of the panel."""
    remembered = state.read()
    profile = _read_profile(remembered)
    try:
        region = AwsSession.open(profile).region
    except DLMagicsError:
        region = profile.region
    return Place(
        profile=profile.name,
        region=region,
        practice=practice.is_practice(profile),
        own=remembered.panel is not None,
    )


def load_context() -> Context:
    """Return the context of the panel's place; raises as `context.load`."""
    return context.from_state(load_state())


def load_state() -> State:
    """Return the stored state, with the profile of the panel as the selected one."""
    remembered = state.read()
    return replace(remembered, profile=remembered.panel or remembered.profile)


def read_choice() -> Choice:
    """Return the place of the panel, and what can be selected; asks AWS."""
    profiles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    account, refused = None, None
    try:
        session = AwsSession.open(_read_profile(state.read()))
        profiles = tuple(session.list_profiles())
        account = session.account_id
        regions = tuple(sorted(str(each["RegionName"]) for each in session.list_regions()))
    except DLMagicsError as error:
        refused = error
    return Choice(
        place=read_place(),
        account=account,
        profiles=profiles or _list_default_profiles(),
        regions=regions,
        error=refused,
    )


def select_place(profile: str | None, region: str | None) -> Place:
    """Select the profile and region of the panel; without a profile it shows that of notebooks.

    Raises
    ------
    NoCredentials
        if the profile does not exist.
    NoRegion
        if the account does not have the region.
    """
    chosen = _find_settings(profile, region) if profile else None
    if chosen:
        session = AwsSession.open(AwsProfile.from_settings(chosen))
        if region:
            session.check_region(region)
    state.update(lambda before: replace(before, panel=chosen, panel_before_practice=None))
    return read_place()


def enter_practice_cloud() -> Place:
    """Start the practice cloud if needed and show it in the panel."""
    settings, _ = practice.start_cloud()

    def enter(before: State) -> State:
        if practice.is_practice(before.panel or before.profile):
            return before
        return replace(before, panel=settings, panel_before_practice=before.panel)

    state.update(enter)
    return read_place()


def leave_practice_cloud() -> Place:
    """Stop the practice cloud; show the previous place again.

    Where the panel shows it because new notebooks begin there, they no longer do.
    """
    if state.read().panel is None:
        selection.reload()
        practice.switch_off()
    else:
        state.update(
            lambda before: replace(
                before, panel=before.panel_before_practice, panel_before_practice=None
            )
        )
        practice.stop_cloud()
    return read_place()


def _read_profile(remembered: State) -> AwsProfile:
    return AwsProfile.from_settings(remembered.panel or remembered.profile)


def _find_settings(profile: str, region: str | None) -> ProfileSettings:
    """Return the settings of a profile; the practice cloud has configuration files of its own."""
    remembered = state.read()
    known = (remembered.panel, remembered.profile, remembered.profile_before_practice)
    for each in known:
        if each and AwsProfile.from_settings(each).name == profile:
            return replace(each, region=region)
    return ProfileSettings(profile=profile, region=region)


def _list_default_profiles() -> tuple[str, ...]:
    try:
        return tuple(AwsSession.open(AwsProfile()).list_profiles())
    except DLMagicsError:
        return ()

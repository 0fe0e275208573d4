"""JupyterLab's panel has a profile and region of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.aws import context, selection
from dl_magics.actions.aws.panel import place
from dl_magics.errors import NoCredentials, NoRegion
from dl_magics.store import state
from dl_magics.store.state import ProfileSettings

WORK = ProfileSettings(profile="work", region="eu-west-1")


def test_without_a_selection_the_panel_shows_what_a_new_notebook_begins_with(cloud):
    shown = place.read_place()

    assert shown.profile_and_region == "practice · us-east-1"
    assert (shown.practice, shown.own) == (True, False)
    state.update(lambda before: replace(before, profile=WORK))  # by another notebook
    assert place.read_place().profile_and_region == "work · eu-west-1"


def test_what_is_selected_for_the_panel_changes_no_notebook(cloud):
    selected = place.select_place("practice", "eu-west-1")

    assert (selected.region, selected.own) == ("eu-west-1", True)
    assert place.load_context().region == "eu-west-1"
    assert context.load().region == "us-east-1"
    selection.reload()
    assert context.load().region == "us-east-1"
    assert place.select_place(None, None).region == "us-east-1"


def test_a_choice_lists_the_account_and_what_can_be_selected(cloud):
    choice = place.read_choice()

    assert choice.account
    assert len(choice.account) == 12
    assert choice.profiles == ("practice",)
    assert {"us-east-1", "eu-west-1"} <= set(choice.regions)
    assert choice.error is None


def test_a_profile_that_does_not_exist_is_shown_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile uni]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    state.update(lambda before: replace(before, panel=WORK))

    choice = place.read_choice()

    assert choice.place.profile_and_region == "work · eu-west-1"
    assert choice.profiles == ("uni",)
    assert isinstance(choice.error, NoCredentials)


@pytest.mark.parametrize(
    ("profile", "region", "error"),
    [("nobody", None, NoCredentials), ("practice", "mars-north-1", NoRegion)],
)
def test_a_place_that_does_not_exist_is_not_selected(cloud, profile, region, error):
    with pytest.raises(error):
        place.select_place(profile, region)

    assert not place.read_place().own


def test_a_panel_that_left_the_practice_cloud_shows_its_earlier_place(cloud):
    practice = state.read().profile
    state.update(
        lambda before: replace(
            before, profile=ProfileSettings(), panel=practice, panel_before_practice=WORK
        )
    )

    left = place.leave_practice_cloud()

    assert left.profile_and_region == "work · eu-west-1"
    assert state.read().panel_before_practice is None

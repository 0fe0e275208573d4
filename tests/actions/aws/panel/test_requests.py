"""The question of each click that costs money or deletes something."""

from __future__ import annotations

from datetime import date

import pytest

from dl_magics.actions.aws.panel import place, requests
from dl_magics.errors import WrongState

TODAY = date.today().isoformat()
ACCOUNT = "In practice · us-east-1, account 123456789012: "


def test_each_click_that_costs_money_or_deletes_says_so_first(cloud, rent):
    current = place.load_context()
    stopped = current.ec2.describe_instance(rent(state="stopped"))

    start = requests.ask_start(current, stopped).question
    assert start.startswith(f"{ACCOUNT}gpu (t2.micro, {stopped.id}) starts")
    assert "$0.0" in start
    resize = requests.ask_resize(current, stopped, "g4dn.xlarge").question
    assert resize.startswith(f"{ACCOUNT}gpu changes from t2.micro ($0.0")
    assert requests.ask_terminate(current, stopped).question == (
        f"{ACCOUNT}gpu (t2.micro, {stopped.id}), which dl_magics did not launch, "
        "is terminated, and its disk is deleted"
    )
    assert requests.ask_stop(current, stopped).question == ""
    assert current.ec2.describe_instance(stopped.id).state == "stopped"
    with pytest.raises(WrongState, match=r"already is a t2\.micro"):
        requests.ask_resize(current, stopped, "t2.micro")


def test_an_instance_that_exists_is_launched_without_a_question(cloud):
    current = place.load_context()
    first = requests.ask_launch(current, "t2.micro", name="gpu")
    launched = list(first.changes)[-1]

    again = requests.ask_launch(current, "t2.micro", name="gpu")

    assert first.question.startswith("'gpu' in practice · us-east-1, account 123456789012: t2")
    assert again.question == ""
    assert [each.id for each in again.changes][-1] == launched.id
    assert requests.ask_start(current, launched).question == ""

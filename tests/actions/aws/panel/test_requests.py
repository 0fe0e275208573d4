"""The question of each click that costs money or deletes something."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.aws.panel import place, requests
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.errors import WrongState

ACCOUNT = "in practice · us-east-1, account 123456789012:"


def test_each_click_that_costs_money_or_deletes_says_so_first(cloud, rent):
    current = place.load_context()
    stopped = current.ec2.describe_instance(rent(state="stopped"))

    start = requests.ask_start(current, stopped).question
    assert start.startswith(f"Start gpu (t2.micro, {stopped.id}) {ACCOUNT}\n")
    assert re.search(r"price +\$0\.0\d+/h \(20..-..-..\) while it runs", start)
    assert re.search(r"disks +8 GiB, \$0\.\d+/month \(20..-..-..\), also while stopped", start)
    resize = requests.ask_resize(current, stopped, "g4dn.xlarge").question
    assert resize.startswith(f"Change gpu ({stopped.id}) {ACCOUNT}\n  from     t2.micro, $0.0")
    assert requests.ask_terminate(current, stopped).question == (
        f"Terminate gpu (t2.micro, {stopped.id}), which dl_magics did not launch, {ACCOUNT} "
        "its disk is deleted"
    )
    assert requests.ask_stop(current, stopped).question == ""
    assert current.ec2.describe_instance(stopped.id).state == "stopped"
    with pytest.raises(WrongState, match=r"already is a t2\.micro"):
        requests.ask_resize(current, stopped, "t2.micro")


def test_a_spot_launch_requests_what_was_confirmed(cloud):
    current = place.load_context()
    asked = requests.ask_launch(current, "t2.micro", name="s", spot=SpotOptions(max_price=0.01))

    launched = next(asked.changes)

    assert "$0.01/h (--max-price); on demand: $0.0116/h" in asked.question
    assert launched.spot
    (request,) = cloud.client().describe_spot_instance_requests()["SpotInstanceRequests"]
    assert (request["Type"], float(request["SpotPrice"])) == ("persistent", 0.01)


def test_an_instance_that_exists_is_launched_without_a_question(cloud):
    current = place.load_context()
    first = requests.ask_launch(current, "t2.micro", name="gpu")
    launched = list(first.changes)[-1]

    again = requests.ask_launch(current, "t2.micro", name="gpu")

    assert first.question.startswith(f"Launch 'gpu' {ACCOUNT}\n  type     t2")
    assert again.question == ""
    assert [each.id for each in again.changes][-1] == launched.id
    assert requests.ask_start(current, launched).question == ""

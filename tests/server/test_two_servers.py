"""Two Jupyter servers of one person: both see the same, and the end of one loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dl_magics.actions.aws import context
from support.jupyter import rest_server
from support.jupyter.rest_server import RestServer


@pytest.fixture
def other(home, tmp_path) -> Iterator[RestServer]:
    with rest_server.serve(tmp_path, home) as served:
        yield served


def states(event):
    return {each["id"]: each["state"] for each in event["instances"] if not each["gone"]}


def test_both_see_the_same_and_one_goes_on_where_the_other_was_killed(server, other, cloud):
    both = (server, other)
    for each in both:
        assert states(each.get("instances?fresh=true")) == {}
    asked = [each.fetch("POST", "instances", {"type": "t2.micro"}).body for each in both]
    assert asked[0]["question"] == asked[1]["question"]
    with server.subscribe() as first, other.subscribe() as second:
        body = {"type": "t2.micro", "confirmed": asked[0]["question"]}
        answers = []
        clicks = [
            threading.Thread(
                target=lambda each=each: answers.append(each.fetch("POST", "instances", body))
            )
            for each in both
        ]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()

        (id_,) = {each.body["id"] for each in answers}
        assert {each.status for each in answers} <= {200, 201}
        for events in (first, second):
            events.wait_for("instances", lambda event: states(event) == {id_: "running"})
            events.wait_for("instances", lambda event: not event["actions"])

        # Both stop it: for AWS that is one stop, and each browser gets the receipt.
        assert [each.fetch("POST", f"instances/{id_}/stop").status for each in both] == [202, 202]
        for events in (first, second):
            events.wait_for("instances", lambda event: states(event) == {id_: "stopped"})
            assert events.find_notice("instance-stopped")["instance"] == id_
            events.wait_for("instances", lambda event: not event["actions"])
        questions = {each.fetch("POST", f"instances/{id_}/start").body["question"] for each in both}
        (question,) = questions
        for each in both:
            started = each.fetch("POST", f"instances/{id_}/start", {"confirmed": question})
            assert started.status == 202
        for events in (first, second):
            events.wait_for("instances", lambda event: states(event) == {id_: "running"})
            events.wait_for("instances", lambda event: not event["actions"])

        cloud.inject_fault("time-out", seconds=20, actions=["ModifyInstanceAttribute"])
        assert other.confirm(f"instances/{id_}/resize", {"type": "t2.small"}).status == 202
        first.wait_for("instances", lambda event: states(event) == {id_: "stopped"})
        other.kill()
        cut = first.wait_for(
            "instances",
            lambda event: any(each["unfinished"] for each in event["instances"]),
        )
        (left,) = (each for each in cut["instances"] if each["id"] == id_)
        assert left["unfinished"]["type"] == "t2.small"
        assert "was interrupted: it is stopped" in left["unfinished"]["message"]
        notice = first.find_notice("resize-unfinished")
        assert notice["message"] == left["unfinished"]["message"]

        assert server.confirm(f"instances/{id_}/resize", {"type": "t2.small"}).status == 202

        done = first.wait_for("instances", lambda event: states(event) == {id_: "running"})
        (now,) = (each for each in done["instances"] if each["id"] == id_)
        assert (now["type"], now["unfinished"]) == ("t2.small", None)
    assert [each.id for each in context.load().ec2.list_instances() if not each.gone] == [id_]

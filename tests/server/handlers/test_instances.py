"""An evening with the panel, over HTTP and the event bus; and what is refused."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.aws import context, instances
from dl_magics.errors import NoSuchInstance
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.runs.report.page import write_report
from dl_magics.runs.state import replay_events
from dl_magics.store import paths, private
from support import run_events
from support.ec2_client import until

UNKNOWN = "i-0123456789abcdef0"


def is_state(id_: str, state: str):
    return lambda event: any(
        each["id"] == id_ and each["state"] == state for each in event["instances"]
    )


def test_an_evening_from_the_launch_to_the_end(server, cloud):
    server.get("instances")
    with server.subscribe() as events:
        launched = server.confirm("instances", {"type": "t2.micro", "name": "gpu"})
        assert launched.status == 201
        id_ = launched.body["id"]
        assert launched.headers["Location"] == f"/user/ada/dl-magics/instances/{id_}"
        ready = events.wait_for(
            "instances", lambda event: any(each["answers"] for each in event["instances"])
        )
        # Instances that other tests terminated are listed for an hour.
        count = len(ready["instances"])
        assert re.match(
            rf"practice · us-east-1: {count} instances?, 1 running at \$0\.0166/h;",
            ready["summary"],
        )
        events.wait_for("instances", lambda event: not event["actions"])
        assert "ssh" in server.get(f"instances/{id_}/ssh")["command"]
        assert server.fetch("POST", "instances", {"type": "t2.micro"}).status == 200
        events.wait_for("instances", lambda event: not event["actions"])

        stopped = server.fetch("POST", f"instances/{id_}/stop")
        assert (stopped.status, stopped.body["verb"]) == (202, "stop")
        assert stopped.body["cell"] == f"%aws_stop {id_}  # gpu"
        events.wait_for("instances", is_state(id_, "stopped"))
        receipt = next(
            (each for each in events.seen if each["schema_id"] == "urn:dl-magics:notice:1"), None
        ) or events.wait_for("notice")
        assert (receipt["kind"], receipt["instance"]) == ("instance-stopped", id_)
        assert receipt["message"].startswith("gpu: ")
        assert server.fetch("GET", f"instances/{id_}/ssh").body["error"] == "WrongState"

        resized = server.confirm(f"instances/{id_}/resize", {"type": "t2.small"})
        assert (resized.status, resized.body["verb"]) == (202, "resize")
        events.wait_for(
            "instances",
            lambda event: any(each["type"] == "t2.small" for each in event["instances"]),
        )
        events.wait_for("instances", lambda event: not event["actions"])

        ended = server.confirm(f"instances/{id_}/terminate")
        assert ended.status == 202
        events.wait_for("instances", is_state(id_, "terminated"))
    assert server.get(f"instances/{id_}")["gone"]


def test_what_a_magic_does_in_another_process_is_pushed(server, cloud, rent):
    id_ = rent()
    server.get("instances")
    with server.subscribe() as events:
        current = context.load()
        list(instances.stop(current, id_))

        events.wait_for("instances", is_state(id_, "stopped"))


def test_nothing_is_started_whose_question_was_not_confirmed(server, cloud, rent):
    id_ = rent(state="stopped")
    for confirmed in ({}, {"confirmed": ""}, {"confirmed": "yes"}):
        asked = server.fetch("POST", f"instances/{id_}/start", confirmed)
        assert (asked.status, asked.body["error"]) == (409, "NotConfirmed")
        assert "$0.0" in asked.body["question"]
        assert asked.body["cell"] == f"%aws_start {id_}  # gpu"
    assert server.get(f"instances/{id_}")["state"] == "stopped"
    assert server.get("instances?fresh=true")["actions"] == []

    cloud.inject_fault("no-capacity-on-start")
    refused = server.confirm(f"instances/{id_}/start")

    assert (refused.status, refused.body["error"]) == (503, "NoCapacity")
    assert refused.body["fix"]
    started = server.confirm(f"instances/{id_}/start")
    assert started.status == 202
    until(lambda: server.get("instances?fresh=true")["actions"] == [])


def test_an_instance_on_which_the_server_works_is_left_alone(server, cloud, rent):
    id_ = rent(state="stopped")
    # The server answers after two seconds at most.
    cloud.inject_fault("time-out", actions=["StartInstances"], seconds=4)

    started = server.confirm(f"instances/{id_}/start")
    busy = server.fetch("POST", f"instances/{id_}/stop")

    assert started.status == 202
    assert (busy.status, busy.body["error"]) == (409, "WrongState")
    until(lambda: server.get("instances?fresh=true")["actions"] == [])


def test_a_recorded_cell_leaves_the_instance_of_this_name_in_another_region_alone(
    server, cloud, rent, run
):
    run("%aws_region us-west-2")
    shown = rent()
    run("%aws_region us-east-1")
    here = rent()
    server.fetch("PUT", "place", {"profile": "practice", "region": "us-west-2"})
    (there,) = server.get("instances?fresh=true")["instances"]
    stop = there["cells"]["stop"]

    with pytest.raises(NoSuchInstance, match="is not in us-east-1 but in us-west-2"):
        run(stop)

    assert context.load().ec2.describe_instance(here).state == "running"
    assert server.get("place")["cell"] == "%practice on\n%aws_region us-west-2"
    run("%aws_region us-west-2")
    run(stop)
    assert context.load().ec2.describe_instance(shown).state == "stopped"
    run(f"%aws_terminate {shown} -f")


def test_the_question_of_a_spot_launch_has_its_price_and_its_end(server, cloud):
    body = {"type": "g4dn.xlarge", "name": "cheap", "spot": {"max_price": 0.3}}

    asked = server.fetch("POST", "instances", body)
    too_low = server.fetch("POST", "instances", {**body, "spot": {"max_price": 0.1}})

    assert (asked.status, asked.body["error"]) == (409, "NotConfirmed")
    told = (
        "$0.1894/h (us-east-1a)",
        "$0.30/h (--max-price); on demand: $0.526/h",
        "the disk stays",
    )
    assert all(part in asked.body["question"] for part in told)
    assert asked.body["cell"] == "%aws_launch g4dn.xlarge --name cheap --spot --max-price 0.3"
    assert (too_low.status, too_low.body["error"]) == (400, "BadSetting")
    assert "is lower than the spot price" in too_low.body["message"]


def test_stop_resize_and_terminate_ask_with_the_runs_that_they_interrupt(
    server, cloud, rent, train_on
):
    id_ = rent()
    train_on(id_)

    stop = server.fetch("POST", f"instances/{id_}/stop")
    resize = server.fetch("POST", f"instances/{id_}/resize", {"type": "t2.small"})
    terminate = server.fetch("POST", f"instances/{id_}/terminate", {})

    assert stop.body["question"].endswith(
        ": it interrupts 2026-11-27_night, which can be resumed from its last checkpoint"
    )
    assert resize.body["question"].endswith(
        "\n  warning  it interrupts the run 2026-11-27_night, which can be resumed"
    )
    assert terminate.body["question"].endswith(
        "disk is deleted; what was not copied of 2026-11-27_night is lost with it, checkpoints "
        "too. First %attach 2026-11-27_night --stop keeps its best weights"
    )
    assert server.confirm(f"instances/{id_}/stop").status == 202


@pytest.mark.parametrize("verb", ["start", "stop", "resize", "terminate"])
def test_an_instance_that_does_not_exist_is_404(server, cloud, verb):
    body = {"type": "t2.micro"} if verb == "resize" else {}

    response = server.fetch("POST", f"instances/{UNKNOWN}/{verb}", body)

    assert (response.status, response.body["error"]) == (404, "NoSuchInstance")
    assert server.fetch("GET", f"instances/{UNKNOWN}").status == 404


def test_a_fault_of_aws_is_said_in_words_and_goes_by(server, cloud, rent):
    rent()
    server.get("instances?fresh=true")
    with server.subscribe() as events:
        cloud.inject_fault("expired-token")

        refused = server.fetch("GET", "instances?fresh=true")

        assert (refused.status, refused.body["error"]) == (409, "NoCredentials")
        assert "expired" in refused.body["message"]
        pushed = events.wait_for("instances", lambda event: event["error"])
        assert pushed["error"] == refused.body
        assert [each["name"] for each in pushed["instances"] if not each["gone"]] == ["gpu"]
        assert server.get("instances?fresh=true")["error"] is None


def test_two_browsers_see_the_same(server, cloud, rent):
    id_ = rent()
    server.get("instances")
    with server.subscribe() as first, server.subscribe() as second:
        assert server.fetch("POST", f"instances/{id_}/stop").status == 202

        for events in (first, second):
            events.wait_for("instances", is_state(id_, "stopped"))


def test_a_run_is_followed_stopped_and_read_while_another_process_trains(server):
    folder = private.create_folder(paths.data_folder("runs") / "2026-11-26_run")
    events = run_events.stamp(
        [run_events.started(), run_events.epoch(1, loss=float("nan")), RunEnded(status="stopped")]
    )
    server.get("runs")
    with server.subscribe() as pushed:
        with LogWriter(folder) as writer:
            for event in events[:2]:
                writer.append(event)
            going = pushed.wait_for("run", lambda event: event["n"] == 2)
            assert (going["status"], going["best"]["logs"]["loss"]) == ("running", None)
            stopping = server.fetch("POST", f"runs/{folder.name}/stop")
            assert (stopping.status, stopping.body["stopping"]) == (202, True)
            assert (folder / "stop").exists()
            assert server.fetch("GET", f"runs/{folder.name}/report").status == 404
            writer.append(events[2])
        write_report(folder, replay_events(events))
        assert pushed.wait_for("run", lambda event: event["has_report"])["status"] == "stopped"
    first = server.get(f"runs/{folder.name}/events?since=1")
    assert [each["n"] for each in first["events"]] == [2, 3]
    assert (first["n"], first["ended"]) == (3, True)
    assert server.get(f"runs/{folder.name}")["state"]["epochs"][0]["logs"]["loss"] is None
    report = server.fetch("GET", f"runs/{folder.name}/report")
    assert report.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert report.body.startswith("<!doctype html>")
    assert folder.name in [each["name"] for each in server.get("runs")["runs"]]
    assert server.fetch("GET", "runs/..%2Fruns").status == 400

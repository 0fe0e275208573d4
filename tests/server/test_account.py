"""The place of the panel, prices, checks, other regions and the practice cloud over REST."""

from __future__ import annotations

from dl_magics.actions.aws import context, instances, selection


def test_the_panel_has_a_place_of_its_own(server, cloud, rent):
    there = rent(name="there")
    here = server.get("instances?fresh=true")["instances"]
    assert [each["id"] for each in here if not each["gone"]] == [there]

    moved = server.fetch("PUT", "place", {"profile": "practice", "region": "eu-west-1"})

    assert moved.body["profile_and_region"] == "practice · eu-west-1"
    assert server.get("instances")["instances"] == []
    assert server.get("place")["own"]
    selection.reload()
    assert context.load().region == "us-east-1"
    elsewhere = server.get("elsewhere")
    assert elsewhere["unread"] == []
    (region,) = (each for each in elsewhere["regions"] if each["region"] == "us-east-1")
    assert (region["running"], region["names"]) == (1, ["there"])
    selection.reload()
    list(instances.stop(context.load(), there))
    assert server.get("elsewhere") == elsewhere
    assert server.get("elsewhere?fresh=true")["regions"] == []
    back = server.fetch("PUT", "place", {"profile": None})
    assert (back.body["own"], back.body["region"]) == (False, "us-east-1")


def test_a_place_that_does_not_exist_is_refused(server, cloud):
    assert server.fetch("PUT", "place", {"profile": "nobody"}).body["error"] == "NoCredentials"
    mars = server.fetch("PUT", "place", {"profile": "practice", "region": "eu-mars-1"})
    assert (mars.status, mars.body["error"]) == (409, "NoRegion")


def test_prices_have_the_cell_that_launches_each_type(server, cloud):
    (t4,) = (
        each for each in server.get("prices?type=g4dn.xl")["types"] if each["type"] == "g4dn.xlarge"
    )

    assert (t4["gpu"], t4["dollars_per_hour"]) == ("T4 16 GiB", 0.526)
    assert t4["cell"] == "%aws_launch g4dn.xlarge"


def test_a_failed_check_is_a_line(server):
    report = server.get("check")

    assert not report["passed"]
    assert report["lines"][0]["what"] == "credentials"
    assert report["lines"][0]["fix"]


def test_without_credentials_each_request_says_what_to_do(server):
    for method, path in (("GET", "instances?fresh=true"), ("GET", "prices"), ("GET", "elsewhere")):
        response = server.fetch(method, path)
        assert response.status == 409
        assert response.body["error"] in ("NoCredentials", "NoRegion")
        assert response.body["fix"]
    assert server.get("place")["error"]["error"] == "NoCredentials"


def test_the_practice_cloud_is_started_and_stopped_by_the_panel_alone(server):
    on = server.fetch("PUT", "practice", {"on": True})

    assert (on.status, on.body["on"]) == (200, True)
    assert server.get("instances")["instances"] == []
    selection.reload()
    assert context.load_profile().name == "default"
    assert "throttled" in on.body["faults"]
    unknown = server.fetch("POST", "practice/faults", {"name": "rain"})
    assert (unknown.status, unknown.body["error"]) == (400, "BadSetting")
    assert server.fetch("POST", "practice/faults", {"name": "not-allowed"}).status == 204
    refused = server.fetch("GET", "instances?fresh=true")
    assert (refused.status, refused.body["error"]) == (403, "NotAllowed")

    off = server.fetch("PUT", "practice", {"on": False})

    assert (off.body["on"], off.body["place"]["profile"]) == (False, "default")
    assert server.fetch("POST", "practice/faults", {"name": "throttled"}).status == 409


def test_leaving_the_practice_cloud_asks_with_the_runs_that_it_interrupts(
    server, cloud, rent, train_on
):
    name = train_on(rent())

    asked = server.fetch("PUT", "practice", {"on": False})

    assert (asked.status, asked.body["error"]) == (409, "NotConfirmed")
    assert asked.body["question"] == (
        f"The practice cloud stops, and interrupts {name}, which can be resumed from its last "
        "checkpoint"
    )
    assert server.get("practice")["on"]
    confirmed = {"on": False, "confirmed": asked.body["question"]}
    assert server.fetch("PUT", "practice", confirmed).body["on"] is False

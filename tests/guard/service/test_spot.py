"""The guard asks the metadata of an instance, as IMDSv2 answers, whether AWS takes it back."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dl_magics.guard.service import spot
from dl_magics.guard.service.settings import Settings

STOP = '{"action": "stop", "time": "2026-11-26T14:03:20Z"}'
STOPS_AT = 1795701800.0
REBALANCE = '{"noticeTime": "2026-11-26T14:01:00Z"}'


class Service:
    """An instance metadata service with these items; a token is valid for some requests."""

    def __init__(self):
        self.items, self.uses, self.token = {}, 100, 0
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                told.token, told.left = told.token + 1, told.uses
                self.answer(200, f"token-{told.token}")

            def do_GET(self):
                told.left = getattr(told, "left", 0) - 1
                given = self.headers["X-aws-ec2-metadata-token"]
                if told.left < 0 or given != f"token-{told.token}":
                    return self.answer(401, "")
                item = self.path.removeprefix("/imds/latest/meta-data/")
                found = told.items.get(item)
                return self.answer(404 if found is None else 200, found or "Not Found")

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *words):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def service(monkeypatch):
    service = Service()
    address = f"http://127.0.0.1:{service.server.server_port}/imds"
    monkeypatch.setenv(spot.ENDPOINT_VARIABLE, address)
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def run(tmp_path):
    """The folder of a run that goes on."""
    log = tmp_path / "runs" / "one" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"kind": "progressed"}\n')
    return log.parent


@pytest.fixture
def watch(tmp_path):
    settings = Settings(runs=(f"{tmp_path}/runs/*/events.jsonl",), checkpoint_name="save")
    return spot.SpotWatch(tmp_path, "boot", lambda: settings)


def asked(run):
    return json.loads((run / "save").read_text()) if (run / "save").exists() else None


@pytest.mark.parametrize(
    ("items", "request_"),
    [
        ({}, None),
        ({"spot/instance-action": STOP}, {"reason": "spot-stop", "at": STOPS_AT}),
        (
            {"spot/instance-action": STOP.replace("stop", "terminate")},
            {"reason": "spot-terminate", "at": STOPS_AT},
        ),
        (
            {"events/recommendations/rebalance": REBALANCE},
            {"reason": "spot-rebalance", "at": STOPS_AT - 140},
        ),
        (
            {"spot/instance-action": STOP, "events/recommendations/rebalance": REBALANCE},
            {"reason": "spot-stop", "at": STOPS_AT},
        ),
    ],
)
def test_a_notice_asks_the_runs_for_a_checkpoint(service, run, watch, items, request_):
    service.items = items

    watch.look()

    assert asked(run) == request_


def test_each_notice_is_acted_on_once_and_is_shown_until_the_next_boot(
    service, run, watch, tmp_path
):
    service.items = {"events/recommendations/rebalance": REBALANCE}
    watch.look()
    (run / "save").unlink()
    watch.look()
    assert asked(run) is None

    service.items["spot/instance-action"] = STOP
    watch.look()

    assert asked(run)["reason"] == "spot-stop"
    notice = spot.read_notice(tmp_path, "boot")
    assert notice["reason"] == "spot-stop"
    assert notice["left"] == pytest.approx(STOPS_AT - time.time(), abs=60)
    assert spot.read_notice(tmp_path, "another boot") == {}


def test_a_token_that_expired_is_renewed(service):
    service.items, service.uses = {"instance-life-cycle": "spot"}, 1
    metadata = spot.Metadata()

    assert [metadata.read(spot.LIFE_CYCLE) for _ in range(3)] == ["spot"] * 3
    assert service.token == 3


def test_an_instance_on_demand_is_not_asked_again(service, watch):
    service.items = {"instance-life-cycle": "on-demand"}

    watch._watch()

    assert service.token == 1


def test_a_machine_without_the_service_is_left_alone(monkeypatch, watch):
    monkeypatch.setenv(spot.ENDPOINT_VARIABLE, "http://127.0.0.1:9/")
    monkeypatch.setattr(spot, "POLL_SECONDS", 0.0)

    watch._watch()

"""Each verb needs a login and a permission; a cookie also needs the XSRF value."""

from __future__ import annotations

import re

import pytest

from dl_magics.server import contract
from dl_magics.server.handlers.routes import HANDLERS
from support.jupyter import users
from support.jupyter.rest_server import BASE_URL

OPERATIONS = sorted(contract.load_contract().operations)
VERBS = ("get", "head", "post", "put", "patch", "delete")


def path_of(template: str) -> str:
    named = {"id": "i-0123456789abcdef0", "name": "run", "question": "0" * 32}
    return template.format(**named).lstrip("/")


def test_the_handlers_have_the_verbs_of_the_contract():
    served = [(each.path, verb) for each in HANDLERS for verb in VERBS if verb in vars(each)]

    assert sorted(served) == OPERATIONS


@pytest.mark.parametrize("who", ["nobody", "guest", "reader"])
def test_who_lacks_the_permission_is_refused_by_each_verb(server, who):
    token = {"nobody": None, "guest": users.GUEST, "reader": users.BOB}[who]
    refused = []
    for template, verb in OPERATIONS:
        if who != "reader" or verb != "get":
            response = server.fetch(verb.upper(), path_of(template), token=token)
            refused.append((response.status, frozenset(response.body)))

    assert set(refused) == {(403, frozenset({"error", "message", "fix"}))}


def test_a_reader_may_read(server):
    assert server.fetch("GET", "runs", token=users.BOB).status == 200


def test_a_cookie_changes_nothing_without_the_xsrf_value(server):
    login = server.fetch("GET", "runs")
    cookies = dict(
        re.match(r"([^=]+)=([^;]*)", each).groups() for each in login.headers.get_all("Set-Cookie")
    )
    page = server.fetch("GET", "runs", token=None, headers={"Cookie": join(cookies)})
    for each in page.headers.get_all("Set-Cookie") or []:
        cookies.update([re.match(r"([^=]+)=([^;]*)", each).groups()])
    body = {"backend": "tensorflow"}

    forged = server.fetch(
        "PUT", "keras-settings", body, token=None, headers={"Cookie": join(cookies)}
    )

    assert page.status == 200
    assert (forged.status, forged.body["message"]) == (403, "'_xsrf' argument missing from POST")


def join(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def test_no_handler_lacks_authentication(server):
    # Jupyter warns of each, those of other extensions too.
    assert f"registered for {BASE_URL}dl-magics" not in server.log


@pytest.mark.parametrize("path", ["", "nothing", "instances/", "runs/a/b/c"])
def test_a_path_that_does_not_exist_is_404_in_json(server, path):
    assert server.fetch("GET", path).status == 404
    assert server.fetch("POST", path, {}).status == 404
    assert server.fetch("GET", path, token=None).status == 403


def test_a_verb_that_a_path_lacks_is_405_and_names_those_it_has(server):
    response = server.fetch("DELETE", "instances")

    assert (response.status, response.headers["Allow"]) == (405, "GET, POST, OPTIONS")


def test_a_panel_that_refreshes_does_not_keep_the_server_from_being_culled(server):
    import json
    import urllib.request

    def last_activity():
        request = urllib.request.Request(
            f"{server.url}api/status", headers={"Authorization": f"token {users.ADA}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as answer:
            return json.load(answer)["last_activity"]

    server.fetch("POST", "practice/faults", {"name": "none"})
    before = last_activity()
    server.get("runs")
    unchanged = last_activity()
    server.fetch("POST", "practice/faults", {"name": "none"})

    assert unchanged == before
    assert last_activity() > before

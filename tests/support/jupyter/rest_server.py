"""A real Jupyter server with the extension, and a client that checks each response."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from dl_magics.server import contract
from support import startup
from support.jupyter import users

BASE_URL = "/user/ada/"
_SECONDS = 60.0
_OPTIONS = f"""
c.ServerApp.allow_unauthenticated_access = False
c.ServerApp.base_url = {BASE_URL!r}
c.ServerApp.jpserver_extensions = {{
    "dl_magics": True, "jupyterlab": False, "jupyter_lsp": False, "notebook_shim": False}}
c.ServerApp.identity_provider_class = "support.jupyter.users.Users"
c.ServerApp.authorizer_class = "support.jupyter.users.Permissions"
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port_retries = 0
"""


@dataclass(frozen=True)
class Response:
    """The status, the headers and the JSON, or the text, of a response."""

    status: int
    headers: Mapping[str, str]
    body: Any


class RestServer:
    """The server: `home` is its data folder, which a test may share."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.port, self._process = folder, port, process
        self.url = f"http://127.0.0.1:{port}{BASE_URL}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def kill(self) -> None:
        """End the server without a chance to clean up."""
        self._process.kill()
        self._process.wait(30)

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def fetch(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = users.ADA,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Response:
        """Send a request below `dl-magics/`; without a token nobody sends it."""
        sent = {**(headers or {}), **({"Authorization": f"token {token}"} if token else {})}
        data = json.dumps(body).encode() if body is not None else data
        request = urllib.request.Request(
            f"{self.url}dl-magics/{path}", data=data, headers=sent, method=method
        )
        try:
            answer = self._opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
            is_json = answer.headers.get_content_type() == "application/json"
            found = Response(answer.status, answer.headers, json.loads(text) if is_json else text)
        _check_response(method, path, found)
        return found

    def get(self, path: str, **options: Any) -> Any:
        """Return the JSON of a request that must succeed."""
        response = self.fetch("GET", path, **options)
        assert response.status == 200, response.body
        return response.body

    def confirm(self, path: str, body: Mapping[str, Any] | None = None) -> Response:
        """Send a request that has a question, then send it confirmed."""
        asked = self.fetch("POST", path, body or {})
        assert asked.status == 409, asked.body
        return self.fetch("POST", path, {**(body or {}), "confirmed": asked.body["question"]})

    @contextmanager
    def subscribe(self) -> Iterator[Events]:
        """Connect to the event bus as JupyterLab does."""
        connected = websocket.create_connection(
            f"ws://127.0.0.1:{self.port}{BASE_URL}api/events/subscribe",
            header=[f"Authorization: token {users.ADA}"],
            timeout=_SECONDS,
            http_no_proxy=["127.0.0.1"],
        )
        try:
            yield Events(connected)
        finally:
            connected.close()


class Events:
    """The events of the event bus, in their order."""

    def __init__(self, connected: websocket.WebSocket) -> None:
        self._connected = connected
        self.seen: list[dict[str, Any]] = []

    def wait_for(
        self, kind: str, is_wanted: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Return the next event of a kind that is wanted; those before it are in `seen`."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            event = json.loads(self._connected.recv(), parse_constant=_refuse)
            if not event["schema_id"].startswith("urn:dl-magics:"):
                continue
            self.seen.append(event)
            _check_event(event)
            if event["schema_id"] == f"urn:dl-magics:{kind}:1" and is_wanted(event):
                return event
        raise AssertionError(f"no such event of {kind}: {self.seen}")

    def find_notice(self, kind: str) -> dict[str, Any]:
        """Return the first notice of a kind, whether it was seen already or comes."""
        for event in self.seen:
            if event["schema_id"] == "urn:dl-magics:notice:1" and event["kind"] == kind:
                return event
        return self.wait_for("notice", lambda event: bool(event["kind"] == kind))


@contextmanager
def serve(folder: Path, home: Path) -> Iterator[RestServer]:
    """Start a server with the data folder `home`."""
    import os

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "jupyter_server_config.py").write_text(_OPTIONS)
    environment = os.environ | {
        "DL_MAGICS_HOME": str(home),
        "HOME": str(folder),
        "KERAS_HOME": str(folder / ".keras"),
        "JUPYTER_CONFIG_DIR": str(folder),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": startup.join_paths(Path(users.__file__).parents[2]),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", f"--port={port}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
        )
    server = RestServer(folder, port, process)
    try:
        _wait_until_up(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_up(server: RestServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, server.log
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(server.log)


def _check_response(method: str, path: str, response: Response) -> None:
    """Each response is as the contract says, whatever a test looks at."""
    if response.status >= 400:
        _check("Error", response.body)
        return
    path = f"/{path.partition('?')[0]}"
    for (template, verb), operation in _documented().items():
        if verb == method.lower() and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            described = operation["responses"]
            assert str(response.status) in described, f"{response.status} is not in the contract"
            described = described[str(response.status)]
            content = _follow(described).get("content", {})
            if "application/json" in content:
                _check(_pointer(content["application/json"]["schema"]), response.body)
            return
    raise AssertionError(f"{method} {path} is not in the contract")


def _check_event(event: dict[str, Any]) -> None:
    schemas = {"urn:dl-magics:instances:1": "Listing", "urn:dl-magics:run:1": "Run"}
    if name := schemas.get(event["schema_id"]):
        _check(name, event)


def _documented() -> dict[tuple[str, str], Any]:
    paths = contract.load_contract().document["paths"]
    return {(path, verb): paths[path][verb] for path, verb in contract.load_contract().operations}


def _follow(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    return contract.load_contract().document["components"]["responses"][
        node["$ref"].rpartition("/")[2]
    ]


def _pointer(schema: Mapping[str, Any]) -> str:
    return schema["$ref"].rpartition("/")[2]


def _check(schema: str, value: Any) -> None:
    contract.load_contract().validator(schema).validate(value)


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON: a browser would stop at it")

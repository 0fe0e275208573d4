"""One Jupyter server for all tests of a worker; its data folder is that of each test.

Modules that are covered by a test of another name:

app, publisher, services: tests/server/test_server.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from dl_magics.actions.aws import selection
from dl_magics.runs import remote_origin
from dl_magics.store import paths, state
from dl_magics.store.state import State
from support import run_events
from support.code_coverage import measured
from support.jupyter import rest_server
from support.jupyter.rest_server import RestServer


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServer]:
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        # What later tests start in this process is not measured by it.
        with measured():
            server = stack.enter_context(rest_server.serve(folder, folder / "dl_magics_home"))
        yield server


@pytest.fixture
def home(home: Path, shared_server: RestServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the server, with nothing selected."""
    folder = shared_server.folder / "dl_magics_home"
    monkeypatch.setenv("DL_MAGICS_HOME", str(folder))
    state.update(lambda _: State())
    for device in folder.glob("visible_devices*"):
        device.unlink()
    selection.reload()
    return folder


@pytest.fixture
def server(shared_server: RestServer, home: Path) -> RestServer:
    assert paths.data_folder() == home
    return shared_server


@pytest.fixture
def train_on(home: Path) -> Callable[[str], str]:
    """Let a run train on an instance, as far as this computer knows; return its name."""

    def begin(id_: str) -> str:
        folder = home / "runs" / "2026-11-27_night"
        run_events.write_log(folder, run_events.make_events())
        there = {**run_events.ORIGIN.host, "alias": id_}
        remote_origin.save(folder, replace(run_events.ORIGIN, host=there, is_complete=False))
        return folder.name

    return begin

"""One Jupyter server for all tests of a worker; its data folder is that of each test.

Modules that are covered by a test of another name:

app, publisher, services: tests/server/test_server.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dl_magics.actions.aws import selection
from dl_magics.store import paths, state
from dl_magics.store.state import State
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

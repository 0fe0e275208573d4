from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import home, practice


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DL_MAGICS_HOME", str(tmp_path / "dl_magics"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class AddressService:
    """Tells `address`, as https://checkip.amazonaws.com does."""

    def __init__(self) -> None:
        self.address = "198.51.100.7"
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{told.address}\n".encode())

            def log_message(self, *words: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def address() -> Iterator[AddressService]:
    service = AddressService()
    threading.Thread(target=service.server.serve_forever, daemon=True).start()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def cloud(tmp_path: Path, address: AddressService) -> Iterator[practice.Practice]:
    running = practice.start(tmp_path / "practice", delay=0.1)
    files = practice.profile(running.folder)
    home.choose(
        place={
            "profile": files.name,
            "region": files.region,
            "config_file": str(files.config_file),
            "credentials_file": str(files.credentials_file),
            "ssh_config": str(files.ssh_config),
            "address_url": address.url,
        }
    )
    yield running
    practice.stop(running.folder)


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    from dl_magics.magics.account import AccountMagics
    from dl_magics.magics.aws import AwsMagics
    from dl_magics.magics.practice import PracticeMagics

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    for magics in (AwsMagics, AccountMagics, PracticeMagics):
        shell.register_magics(magics)
    yield shell
    InteractiveShell.clear_instance()

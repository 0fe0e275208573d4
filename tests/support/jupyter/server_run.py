"""A Jupyter server that runs the cells itself and writes their output into the notebook."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat

from support import startup

_TOKEN = "only-for-this-test"
_SECONDS = 60
PACKAGES = Path(__file__).parents[3] / "build" / "jupyter-server-documents"


@contextmanager
def serve(folder: Path, **environment: str) -> Iterator[ServerRun]:
    """Start jupyter-server-documents, which `make test` installs into a folder of its own."""
    assert (PACKAGES / "jupyter_server_documents").is_dir(), f"{PACKAGES}: run make test"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        f"{sys.executable} -m jupyter_server --no-browser --allow-root --ip=127.0.0.1 "
        f"--port={port} --ServerApp.port_retries=0 --IdentityProvider.token={_TOKEN} "
        f"--ServerApp.root_dir={folder}"
    )
    (folder / "data").mkdir()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command.split(),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {
                "PYTHONPATH": startup.join_paths(PACKAGES),
                "JUPYTER_DATA_DIR": str(folder / "data"),
                "JUPYTER_CONFIG_PATH": str(PACKAGES / "etc" / "jupyter"),
                **environment,
            },
        )
    server = ServerRun(f"http://127.0.0.1:{port}", folder)
    try:
        server.wait_until_up(process)
        yield server
    finally:
        process.terminate()
        process.wait(30)


class ServerRun:
    """Notebooks whose cells the server runs."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder

    def run(self, name: str, cells: list[str]) -> list[list[dict[str, Any]]]:
        """Run all cells of a new notebook; return the outputs of each, as the server saves them."""
        cells = [*cells, "print('the end')"]
        notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
        nbformat.write(notebook, self._folder / name)
        document = self._call(f"fileid/index?path={name}", {})["id"]
        kernel = self._call(
            "sessions",
            {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}},
        )["kernel"]["id"]
        asked = [
            {"cell_id": cell.id, "source_hash": _hash_source(cell.source)}
            for cell in notebook.cells
        ]
        self._call(
            f"kernels/{kernel}/execute",
            {"document_id": f"json:notebook:{document}", "cells": asked},
        )
        for _ in range(_SECONDS * 10):
            with suppress(ValueError):  # it is being written
                saved = json.loads((self._folder / name).read_text())["cells"]
                if saved[-1]["outputs"]:
                    return [cell["outputs"] for cell in saved[:-1]]
            time.sleep(0.1)
        raise AssertionError((self._folder / "log.txt").read_text())

    def wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server answers."""
        for _ in range(_SECONDS * 10):
            assert process.poll() is None, (self._folder / "log.txt").read_text()
            try:
                self._call("status")
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self._folder / "log.txt").read_text())

    def _call(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._url}/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {_TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.loads(answer.read())


def _hash_source(source: str) -> str:
    """Return the MurmurHash2 (seed 0) of a cell, which the server compares with its own."""
    data = source.encode()
    mixed = len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * 0x5BD1E995 & 0xFFFFFFFF
        part = (part ^ part >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        mixed = (mixed * 0x5BD1E995 & 0xFFFFFFFF) ^ part
    if rest := data[whole:]:
        mixed = (mixed ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return str(mixed ^ mixed >> 15)

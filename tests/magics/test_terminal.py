from __future__ import annotations

import json
import os

import pytest

from dl_magics.magics import terminal


@pytest.fixture
def server_file(tmp_path, monkeypatch):
    """Where the Jupyter server that started this kernel writes its address."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    return tmp_path / f"jpserver-{os.getpid()}.json"


def shown(run):
    return repr(run("%aws_ssh")).split()


def test_the_ssh_command_alone_is_shown_where_no_jupyter_server_opens_terminals(
    cloud, rent, run, server_file, address
):
    rent()
    run("%aws_get gpu")
    alone = shown(run)
    assert alone[0] == "ssh"

    for said in (
        "{ half",
        json.dumps({"url": "http+unix://socket/", "token": ""}),
        json.dumps({"url": "http://127.0.0.1:9/", "token": ""}),
        json.dumps({"url": f"{address.url}/", "token": "wrong"}),
    ):
        server_file.write_text(said)
        assert shown(run) == alone


def test_a_name_with_quotes_stays_text():
    told = terminal.Terminal("ssh 'a b'", '<b>"gpu"', '1"><script>')

    assert "<script>" not in told._repr_html_()
    assert "<b>" not in told._repr_html_()
    assert repr(told) == "ssh 'a b'"

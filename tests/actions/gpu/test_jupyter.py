from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import jupyter, notebook_kernel


@pytest.fixture
def opened(gpu_run):
    return jupyter.open_jupyter(notebook_kernel.current())


def asked(url, token="", *, name=""):
    """Return what a browser gets, which resolves names below localhost to the loopback address."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Authorization": f"token {token}", "Host": name or parts.netloc}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://127.0.0.1:{parts.port}{parts.path}", headers=headers)
    with direct.open(request, timeout=20) as answer:
        return answer.read().decode()


def test_the_remote_jupyter_requires_the_token(opened):
    token = re.search(r"token=([\w-]+)", opened.file.read_text("utf-8"))[1]

    assert '"kernels"' in asked(f"{opened.url}api/status", token) or "started" in asked(
        f"{opened.url}api/status", token
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(f"{opened.url}api/status")


def test_jupyter_is_opened_at_a_name_of_the_instance_and_answers_no_other_name(opened):
    token = re.search(r"token=([\w-]+)", opened.file.read_text("utf-8"))[1]
    instance = notebook_kernel.current().host.alias

    assert re.fullmatch(rf"http://{instance}\.localhost:\d+/", opened.url)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(f"{opened.url}api/status", token, name="attacker.example")


def test_the_token_is_in_a_private_file_and_not_in_the_notebook(opened):
    token = re.search(r"token=([\w-]+)", opened.file.read_text("utf-8"))[1]

    assert token not in repr(opened) + opened._repr_html_()
    assert opened.file.stat().st_mode & 0o077 == 0
    assert str(opened.file) in repr(opened)


def test_jupyter_listens_on_a_private_socket_and_on_no_port(opened, host_home):
    socket = host_home / ".dlm" / "jupyter.sock"

    assert socket.is_socket()
    assert socket.stat().st_mode & 0o077 == 0
    assert "port=" not in (host_home / ".dlm" / "jupyter.log").read_text("utf-8")


def test_opening_jupyter_twice_starts_it_once(opened, gpu_run, host_home):
    before = (host_home / ".dlm" / "jupyter.sock").stat().st_ino

    again = jupyter.open_jupyter(notebook_kernel.current())

    assert (host_home / ".dlm" / "jupyter.sock").stat().st_ino == before
    assert "started" in asked(
        f"{again.url}api/status", re.search(r"token=([\w-]+)", again.file.read_text("utf-8"))[1]
    )


def test_an_environment_without_jupyter_is_reported(gpu_run, monkeypatch):
    kernel = notebook_kernel.current()
    plain = notebook_kernel.NotebookKernel(
        kernel.id, kernel.host, "/usr/bin/python3", "system", "", kernel.client
    )

    with pytest.raises(errors.CommandFailed) as refused:
        jupyter.open_jupyter(plain)

    assert "system on gpu has no Jupyter" in str(refused.value)
    assert "pip install jupyterlab" in refused.value.fix

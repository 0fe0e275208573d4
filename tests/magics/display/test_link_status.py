from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.gpu_kernel.link.status import AgentStatus, LinkStatus
from dl_magics.magics.display.link_status import LinkStatusLine, show_link_status

NOW = 1_000_000_000.0


@pytest.fixture
def link():
    """A link that is attached."""
    attached = LinkStatus(1, "attached", agent=AgentStatus(boot="first"), alive_at=NOW)
    return SimpleNamespace(status=attached)


@pytest.fixture
def said():
    return []


@pytest.fixture
def line(link, said):
    line = LinkStatusLine("gpu", link, said.append, clock=lambda: NOW)
    line.look()
    return line


def lose(link, state="lost", why="", seconds=12):
    link.status = replace(link.status, state=state, why=why, alive_at=NOW - seconds)


def come_back(link):
    link.status = replace(link.status, state="attached", alive_at=NOW)


def test_a_lost_link_is_said_and_that_it_is_back(line, link, said):
    lose(link)
    line.look()
    link.status = replace(link.status, alive_at=NOW)
    line.look()
    come_back(link)
    line.look()

    assert said[0] == (
        "The connection to gpu has been lost for 12 s; the cell keeps running. Reconnecting …"
    )
    assert said[-1] == "The connection to gpu is back after 12 s; no output was lost."


def test_a_blip_leaves_no_word(line, link, said):
    lose(link, seconds=1)
    line.look()
    come_back(link)
    line.look()

    assert said == []


def test_where_another_agent_came_nobody_says_that_nothing_was_lost(line, link, said):
    lose(link)
    line.look()
    come_back(link)
    link.status = replace(link.status, agent=AgentStatus(boot="second"))
    line.look()

    assert said[-1] == "The connection to gpu is back after 12 s."


def test_a_stopped_instance_and_a_missing_agent_are_told_apart(line, link, said):
    lose(link, "stopped", "gpu is stopped.")
    line.look()
    lose(link, "gone", "its folder is not there")
    line.look()

    assert said == [
        "gpu is stopped. Reconnecting …",
        "gpu answers, but there is no agent: its folder is not there. Reconnecting …",
    ]


@pytest.fixture
def kernel(link):
    client = SimpleNamespace(link=link, waiting=None)
    return SimpleNamespace(client=client, host=SimpleNamespace(name="gpu"))


def test_in_a_terminal_it_is_two_lines_however_long_it_lasts(link, kernel, shell, capsys):
    with show_link_status(shell, kernel):
        for seconds in (4, 5, 6):
            lose(link, seconds=seconds)
            kernel.client.waiting()
        come_back(link)

    lost, back = capsys.readouterr().out.splitlines()
    assert lost.startswith("The connection to gpu has been lost")
    assert back.endswith("no output was lost.")


def in_a_kernel(shell, monkeypatch, *, allow_stdin):
    """Let the shell be that of a kernel; return what it publishes."""
    request = {"header": {"msg_id": "1"}, "content": {"code": "%%gpu", "allow_stdin": allow_stdin}}
    kernel = SimpleNamespace(get_parent=lambda: request)
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: True)
    monkeypatch.setattr(InteractiveShell, "instance", lambda *_: shell)
    monkeypatch.setattr(shell, "kernel", kernel, raising=False)
    monkeypatch.setattr(shell, "display_pub", publisher)
    monkeypatch.setenv("JPY_SESSION_NAME", "evening.ipynb")
    return publisher.outputs


def test_in_a_notebook_one_display_is_updated(link, kernel, shell, monkeypatch):
    published = in_a_kernel(shell, monkeypatch, allow_stdin=True)

    with show_link_status(shell, kernel):
        lose(link)
        kernel.client.waiting()
        come_back(link)

    assert [each["update"] for each in published] == [False, True]
    assert [*published[-1]["data"]] == ["text/plain", "text/html"]
    assert published[-1]["data"]["text/plain"].endswith("no output was lost.")


def test_where_the_server_runs_the_cells_it_is_two_lines(link, kernel, shell, monkeypatch, capsys):
    published = in_a_kernel(shell, monkeypatch, allow_stdin=False)

    with show_link_status(shell, kernel):
        for seconds in (4, 5, 6):
            lose(link, seconds=seconds)
            kernel.client.waiting()
        come_back(link)

    assert published == []
    assert len(capsys.readouterr().out.splitlines()) == 2

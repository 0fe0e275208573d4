"""What is pushed of questions and links, and how a question is answered."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from dl_magics.errors import WrongState
from dl_magics.server.monitors import notebooks
from dl_magics.server.monitors.notebooks import NoSuchQuestion, NotebookMonitor
from dl_magics.store import link_outages, notebook_session, questions
from dl_magics.store.link_outages import Outage

TEXT = "In practice · us-east-1: gpu (t2.micro) starts, $0.0116/h"


@pytest.fixture
def monitor(published, home):
    return NotebookMonitor(published)


@pytest.fixture
def lost(home):
    """The outage of a link of this process, which is a notebook."""
    session = notebook_session.current()
    notebook_session.hold(session)
    yield Outage(
        kernel_id="ab12cd34",
        host="gpu",
        session=session.name,
        notebook="train.ipynb",
        since=100.0,
        why="No data arrived from the host any more.",
    )
    notebook_session.release(session)


def test_each_question_is_pushed_once_and_its_end_too(monitor, published):
    assert not monitor.step()
    with questions.ask_question(TEXT, "train.ipynb") as asked:
        assert monitor.step()
        assert monitor.step()
        (listed,) = monitor.list_questions()
        assert (listed["text"], listed["notebook"]) == (TEXT, "train.ipynb")
        assert questions.is_shown(asked.id)
    assert not monitor.step()

    assert published.of("questions") == [{"ids": [asked.id]}, {"ids": []}]


@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_reaches_the_cell(monitor, yes):
    taken = []

    def wait(id_):
        while not taken or taken[-1] is None:
            taken.append(questions.take_answer(id_))
            time.sleep(0.01)

    with questions.ask_question(TEXT, "train.ipynb") as asked:
        waiting = threading.Thread(target=wait, args=(asked.id,))
        waiting.start()

        monitor.answer(asked.id, TEXT, yes=yes)

        waiting.join()
        assert taken[-1] is yes
        with pytest.raises(NoSuchQuestion, match="answered already"):
            monitor.answer(asked.id, TEXT, yes=True)


def test_what_cannot_reach_the_cell_is_refused(monitor, monkeypatch):
    monkeypatch.setattr(notebooks, "_TAKEN_SECONDS", 0.1)
    with pytest.raises(NoSuchQuestion):
        monitor.answer("0" * 32, TEXT, yes=True)
    with questions.ask_question(TEXT, "killed.ipynb") as asked:
        with pytest.raises(WrongState, match="another text"):
            monitor.answer(asked.id, TEXT.replace("0.0116", "12.24"), yes=True)
        with pytest.raises(WrongState, match="does not wait for an answer"):
            monitor.answer(asked.id, TEXT, yes=True)
        assert not questions.has_answer(asked.id)


def test_a_link_that_is_lost_and_back_is_noticed(monitor, published, lost):
    monitor.step()
    link_outages.store(lost)
    assert monitor.step()
    monitor.step()
    link_outages.store(replace(lost, ended_at=123.0))
    monitor.step()
    link_outages.store(replace(lost, since=200.0))
    monitor.step()

    notices = [(each["kind"], each["level"]) for each in published.of("notice")]
    assert notices == [("link-lost", "warning"), ("link-back", "success"), ("link-lost", "warning")]
    first, back, _ = published.of("notice")
    assert first["message"] == (
        "The connection of train.ipynb to gpu is lost (No data arrived from the host any more). "
        "The GPU kernel keeps running."
    )
    assert back["message"] == "The connection of train.ipynb to gpu is back after 23 s."


def test_a_server_that_starts_tells_only_what_is_lost_now(published, lost):
    link_outages.store(replace(lost, ended_at=123.0))
    NotebookMonitor(published).step()
    assert published.of("notice") == []

    link_outages.store(lost)
    NotebookMonitor(published).step()

    assert [each["kind"] for each in published.of("notice")] == ["link-lost"]

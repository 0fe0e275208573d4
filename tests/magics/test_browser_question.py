"""A question of a cell that no front end answers; a real server is in display/test_updatable.py."""

from __future__ import annotations

import threading
import time

import pytest

from dl_magics import errors
from dl_magics.magics import browser_question
from dl_magics.store import questions

TEXT = "In practice · us-east-1: gpu (t2.micro) starts, $0.0116/h"


def wait_for_question():
    while not (asked := questions.list_open()):
        time.sleep(0.01)
    return asked[0]


def answer(*, yes):
    """Answer the next question, as the panel does."""
    asked = wait_for_question()
    questions.mark_shown(asked.id)
    questions.give_answer(asked.id, yes=yes)


@pytest.mark.parametrize("yes", [True, False])
def test_the_answer_of_a_browser_is_returned(yes):
    answering = threading.Thread(target=answer, kwargs={"yes": yes})
    answering.start()

    assert browser_question.ask_person(TEXT) is yes
    answering.join()
    assert questions.list_open() == []


def test_where_no_browser_shows_it_nothing_waits(monkeypatch):
    monkeypatch.setattr(browser_question, "_SHOWN_SECONDS", 0.1)

    assert browser_question.ask_person(TEXT) is None
    assert questions.list_open() == []


def test_a_question_that_is_shown_and_not_answered_ends(monkeypatch):
    monkeypatch.setattr(questions, "OPEN_SECONDS", 0.5)
    showing = threading.Thread(target=lambda: questions.mark_shown(wait_for_question().id))
    showing.start()

    with pytest.raises(errors.NotConfirmed, match="was not answered within"):
        browser_question.ask_person(TEXT)
    showing.join()

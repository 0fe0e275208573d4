"""A question of a cell, from the process that asks and those that answer."""

from __future__ import annotations

import os
import threading
import time

import pytest

from dl_magics.errors import DiskFull
from dl_magics.store import questions
from support.limits.disk import mount_small_disk

TEXT = "In practice · us-east-1: gpu (t2.micro) starts, $0.0116/h"


def test_a_question_is_open_until_its_cell_ends_and_its_answer_is_taken_once():
    with questions.ask_question(TEXT, "train.ipynb") as asked:
        assert questions.list_open() == [asked]
        assert (asked.text, asked.notebook) == (TEXT, "train.ipynb")
        assert questions.take_answer(asked.id) is None
        assert not questions.is_shown(asked.id)
        questions.mark_shown(asked.id)
        assert questions.is_shown(asked.id)

        assert questions.give_answer(asked.id, yes=True)

        assert questions.list_open() == []
        assert not questions.give_answer(asked.id, yes=False)
        assert questions.has_answer(asked.id)
        assert questions.take_answer(asked.id) is True
        assert questions.take_answer(asked.id) is None
        assert not questions.has_answer(asked.id)
    assert not questions.give_answer(asked.id, yes=True)
    questions.mark_shown(asked.id)
    assert not questions.is_shown(asked.id)


def test_of_many_answers_in_the_same_moment_one_counts():
    with questions.ask_question(TEXT, "train.ipynb") as asked:
        ready = threading.Barrier(8)
        given = []

        def answer(number):
            ready.wait()
            if questions.give_answer(asked.id, yes=number % 2 == 0):
                given.append(number % 2 == 0)

        threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert [questions.take_answer(asked.id)] == given


@pytest.mark.parametrize("age", [questions.OPEN_SECONDS + 1, 3 * questions.OPEN_SECONDS])
def test_the_question_of_a_kernel_that_was_killed_is_not_asked_for_ever(home, age):
    left = questions.ask_question(TEXT, "killed.ipynb")
    abandoned = left.__enter__()
    folder = home / "questions" / abandoned.id
    text = (folder / "question.json").read_text()
    asked_at = time.time() - age
    (folder / "question.json").write_text(text.replace(str(abandoned.asked_at), str(asked_at)))
    os.utime(folder, (asked_at, asked_at))

    assert questions.list_open() == []
    with questions.ask_question(TEXT, "train.ipynb") as asked:
        assert questions.list_open() == [asked]
        assert folder.exists() == (age < 2 * questions.OPEN_SECONDS)


def test_a_question_that_cannot_be_asked_leaves_nothing(home):
    with mount_small_disk(home, "1m") as disk:
        disk.fill()

        with pytest.raises(DiskFull), questions.ask_question(TEXT, "train.ipynb"):
            pass

        assert list((disk.folder / "questions").iterdir()) == []

from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest

from dl_magics.actions.results.evaluating import read_answer
from dl_magics.errors import NoAnswer
from support.evaluations import make_evaluation

FOUND = make_evaluation()
RUN = SimpleNamespace(name=FOUND.run, state=SimpleNamespace(classes=FOUND.classes))
PATH = FOUND.photos[0].path
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0").decode()


def answer(**changes):
    return {
        "evaluation": {**FOUND.to_json(), **changes},
        "pictures": {PATH: JPEG},
        "overlays": {},
        "method": "grad_cam",
    }


def test_an_answer_of_a_host_is_an_evaluation_with_pictures():
    found = read_answer(RUN, "valid", answer())
    assert found.evaluation == FOUND
    assert found.pictures == {PATH: JPEG}


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "another"},
        {"split": "test"},
        {"classes": ["dogs", "cats"]},
        {"photos": [["../../etc/passwd", "cats", [0.5, 0.5]]]},
        {"photos": None},
    ],
)
def test_an_answer_about_something_else_is_refused(changes):
    with pytest.raises(NoAnswer, match="sent an invalid answer"):
        read_answer(RUN, "valid", answer(**changes))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {},
        {"evaluation": {}},
        {**answer(), "pictures": 7},
        {**answer(), "method": "<b>"},
    ],
)
def test_what_is_no_answer_is_refused(sent):
    with pytest.raises(NoAnswer, match="sent an invalid answer"):
        read_answer(RUN, "valid", sent)


def test_only_small_pictures_of_images_of_the_evaluation_are_taken():
    script = base64.b64encode(b"<svg onload=alert(1)>").decode()
    sent = {**answer(), "pictures": {PATH: script, "valid/other.jpg": JPEG}}
    assert read_answer(RUN, "valid", sent).pictures == {PATH: ""}

"""What a host answers; predictions on a real host: tests/actions/runs/test_remote_finetune.py."""

from __future__ import annotations

import base64

import pytest

from dl_magics.actions.results.predicting import read_answer
from dl_magics.errors import NoAnswer

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0").decode()
CLASSES = ["cats", "dogs"]


def answer(**changes):
    return {
        "images": [["/data/dogs/1.jpg", [0.25, 0.75]], ["/data/cats/2.jpg", [0.5, 0.5]]],
        "skipped": {"/data/readme.txt": "no image"},
        "pictures": {"/data/dogs/1.jpg": JPEG},
        **changes,
    }


def test_an_answer_is_shown_like_predictions_of_this_computer():
    found = read_answer(answer(), CLASSES, "gpu")

    assert repr(found).splitlines() == [
        "2 of 2 right: 1 of 1 cats, 1 of 1 dogs · on gpu",
        "cats/2.jpg: cats (50.0%)",
        "dogs/1.jpg: dogs (75.0%)",
        "readme.txt: skipped, no image",
    ]
    assert found._repr_html_().count("<img ") == 1
    assert not hasattr(found[0].path, "open")


def test_a_picture_that_was_not_asked_for_or_is_none_is_left_out():
    sent = answer(pictures={"/data/dogs/1.jpg": "PHN2Zz4=", "/etc/passwd": JPEG})

    assert "<img" not in read_answer(sent, CLASSES, "gpu")._repr_html_()


@pytest.mark.parametrize(
    "sent",
    [
        None,
        {},
        answer(images=[["/1.jpg", [0.5]]]),
        answer(images=[["/1.jpg", [0.5, "0.5"]]]),
        answer(images=[["/1.jpg", [float("nan"), float("nan")]]]),
        answer(images=[["/1.jpg", [0.5, 0.5]]] * 2),
        answer(images=[[7, [0.5, 0.5]]]),
        answer(skipped={"/1.jpg": 7}),
        answer(skipped=[]),
        answer(pictures=7),
    ],
)
def test_what_is_no_answer_is_refused(sent):
    with pytest.raises(NoAnswer, match="sent an invalid answer"):
        read_answer(sent, CLASSES, "gpu")

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from dl_magics.actions.results.matrix import ConfusionMatrix
from dl_magics.actions.results.place import ResultPlace
from dl_magics.widgets.confusion import MOST_SHOWN, ConfusionWidget
from support import tiny_keras
from support.evaluations import make_evaluation, make_photo

HOSTILE = "cats/\u202e<img src=x>.png"


@pytest.fixture
def widget(tmp_path):
    names = [f"cats/{n:02}.png" for n in range(30)]
    for name in (*names, HOSTILE):
        tiny_keras.photo(tmp_path / name, "red", 1)
    photos = [make_photo(name, "cats", 0.2, 0.8) for name in names]
    photos.append(make_photo("cats/gone.png", "cats", 0.9, 0.1))
    photos.append(make_photo(HOSTILE, "cats", 0.7, 0.3))
    found = make_evaluation(*photos, root=str(tmp_path))
    place = ResultPlace(SimpleNamespace(name="run"))
    made = ConfusionWidget(ConfusionMatrix(found), place, again="%confusion")
    yield made
    made.close()


def click(widget, row, column):
    n = widget.received + 1
    widget._handle_custom_msg({"n": n, "row": row, "column": column}, [])
    assert widget.received == n
    end = time.monotonic() + 30
    while widget.handled < n:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_click_shows_the_images_of_a_cell(widget):
    assert (widget.classes, widget.rows) == (["cats", "dogs"], [[2, 30], [0, 0]])

    click(widget, 0, 1)

    shown = widget.shown
    assert (shown["row"], shown["column"], shown["images"]) == (0, 1, 30)
    assert len(shown["items"]) == MOST_SHOWN
    assert all(each["picture"] and each["text"] == "80.0 %" for each in shown["items"])


def test_an_image_that_cannot_be_read_has_no_picture_and_names_hide_nothing(widget):
    click(widget, 0, 0)
    gone, hostile = widget.shown["items"]

    assert gone == {"path": "cats/gone.png", "picture": "", "text": "90.0 %"}
    assert hostile["path"] == r"cats/\u202e<img src=x>.png"
    assert hostile["picture"]


def test_images_that_were_moved_are_reported(widget, tmp_path):
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    click(widget, 0, 1)

    assert widget.shown == {}
    assert widget.note.startswith("BadData: The images are not in ")
    tmp_path.with_name("elsewhere").rename(tmp_path)
    click(widget, 0, 1)
    assert widget.note == ""

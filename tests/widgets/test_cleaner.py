from __future__ import annotations

import time

import pytest
from PIL import Image

from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.results.cleaning import Cleaning, Photo
from dl_magics.widgets.cleaner import PAGE, Cleaner

CLASSES = ("cats", "dogs")
HERE = DataPlace("pets", "")


@pytest.fixture
def pets(tmp_path):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for n in range(PAGE + 1):
            Image.new("RGB", (8, 8)).save(tmp_path / name / f"{n}.jpg")
    return tmp_path


@pytest.fixture
def show(pets):
    shown = []

    def make():
        photos = [
            Photo(f"{name}/{n}.jpg", name, "why") for n in range(PAGE + 1) for name in CLASSES
        ]
        shown.append(Cleaner(Cleaning(HERE, str(pets), CLASSES, tuple(photos))))
        return shown[-1]

    yield make
    for each in shown:
        each.close()


def click(cleaner, action, **more):
    n = cleaner.handled + 1
    cleaner._handle_custom_msg({"n": n, "action": action, **more}, [])
    end = time.monotonic() + 30
    while cleaner.handled < n:
        assert time.monotonic() < end
        time.sleep(0.01)


def done(cleaner):
    return {each["path"]: each["done"] for each in cleaner.cards if each["done"]}


def test_a_page_has_pictures_and_more_is_shown_on_demand(show):
    cleaner = show()

    assert len(cleaner.cards) == PAGE
    assert all(each["picture"] for each in cleaner.cards)
    left = cleaner.left
    click(cleaner, "more")
    assert len(cleaner.cards) == 2 * PAGE
    assert cleaner.left == left - PAGE


def test_what_was_decided_stays_when_the_class_is_switched_and_when_the_kernel_ends(show, pets):
    cleaner = show()
    click(cleaner, "relabel", path="cats/0.jpg", to="dogs")
    click(cleaner, "quarantine", path="dogs/1.jpg")
    click(cleaner, "choose", label="dogs")
    assert {each["label"] for each in cleaner.cards} == {"dogs"}
    assert done(cleaner) == {"dogs/1.jpg": "in the quarantine"}
    click(cleaner, "choose", label="")
    assert done(cleaner) == {"cats/0.jpg": "now dogs", "dogs/1.jpg": "in the quarantine"}
    cleaner.close()

    again = show()
    click(again, "more")
    click(again, "more")

    assert done(again) == {"cats/0.jpg": "now dogs", "dogs/1.jpg": "in the quarantine"}
    click(again, "undo", path="cats/0.jpg")
    click(again, "undo")
    assert done(again) == {}
    assert (pets / "cats" / "0.jpg").is_file()
    assert (pets / "dogs" / "1.jpg").is_file()
    assert not again.can_undo


def test_a_step_that_fails_is_shown_in_two_lines_and_the_cards_stay(show, pets):
    cleaner = show()
    (pets / "cats" / "0.jpg").unlink()

    click(cleaner, "keep", path="cats/0.jpg")

    assert cleaner.note.splitlines() == [
        f"NoSuchFile: 'cats/0.jpg' is not in '{pets}' any more.",
        "Run the line again: it lists what is there.",
    ]
    assert len(cleaner.cards) == PAGE

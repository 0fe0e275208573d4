"""`%clean_images` in JupyterLab: decide with buttons, and find it again after a restart."""

from __future__ import annotations

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

CLASSES = ("cats", "dogs", "hares", "mice", "rats")
CELL = """\
from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.results.cleaning import Cleaning, Photo
from dl_magics.widgets.cleaner import Cleaner
photos = [Photo(f"{name}/0.jpg", name, "looks like dogs") for name in %r]
Cleaner(Cleaning(DataPlace("pets", ""), %r, %r, tuple(photos)))"""


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    made = tmp_path_factory.mktemp("cleaner") / "pets"
    for name in CLASSES:
        (made / name).mkdir(parents=True)
        Image.new("RGB", (60, 40), "teal").save(made / name / "0.jpg")
    return made


@pytest.fixture(scope="module")
def cards(lab, pets):
    lab.open("cleaner.ipynb", [CELL % (CLASSES, str(pets), CLASSES)])
    lab.run(0)
    lab.finish(0)
    lab.page.wait_for_selector(".dl-cleaner figure")
    return lab


def click(lab, label):
    lab.page.locator(f".dl-cleaner button[aria-label='{label}']").click()


def test_the_cards_are_accessible_and_their_buttons_are_in_sight(cards):
    assert cards.check_everywhere(".dl-cleaner", ".dl-cleaner button, .dl-cleaner select") == []


def test_what_was_decided_is_done_and_found_again_after_a_restart_of_the_kernel(cards, pets):
    page = cards.page
    chosen = page.locator(".dl-cleaner select[aria-label='Class of cats/0.jpg']")
    chosen.select_option("rats")
    assert (pets / "cats" / "0.jpg").is_file()  # to choose is not to move
    click(cards, "Move cats/0.jpg to this class")
    page.wait_for_selector(".dl-done:text-is('now rats')")
    assert (pets / "rats" / "0-2.jpg").is_file()
    click(cards, "Quarantine dogs/0.jpg")
    page.wait_for_selector(".dl-done:text-is('in the quarantine')")
    page.locator(".dl-cleaner button:text-is('mice')").click()
    page.wait_for_function("document.querySelectorAll('.dl-cleaner figure').length === 1")

    cards.restart_kernel()
    cards.run(0)
    cards.finish(0)

    page.wait_for_selector(".dl-cleaner .dl-done:text-is('now rats')")
    click(cards, "Undo: cats/0.jpg")
    page.wait_for_selector(".dl-note:has-text('cats/0.jpg is back as it was.')")
    click(cards, "Undo: dogs/0.jpg")
    page.wait_for_selector(".dl-note:has-text('dogs/0.jpg is back as it was.')")
    assert sorted(each.relative_to(pets).as_posix() for each in pets.rglob("*.jpg")) == [
        f"{name}/0.jpg" for name in CLASSES
    ]

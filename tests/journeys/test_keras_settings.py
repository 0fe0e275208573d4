"""`%keras_settings` in JupyterLab: select a value, change the file elsewhere, restart."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics",
    "%env KERAS_HOME={folder}",
    "import keras; print(keras.backend.backend())",
    "%keras_settings",
    "import sys; print('fresh' if 'keras' not in sys.modules else 'old')",
    "%manage_aws",
    "%practice on",
    "%practice off",
    "import time; time.sleep(4)",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("jax")
    made = tmp_path_factory.mktemp("settings") / "keras"
    made.mkdir()
    (made / "keras.json").write_text('{"backend": "jax", "mine": [1, 2]}')
    return made


def read_settings(folder):
    return json.loads((folder / "keras.json").read_text())


def find_select(lab, name):
    return lab.page.locator(f".dl-keras select[aria-label='{name}']")


@pytest.fixture(scope="module")
def form(lab, folder):
    """The form, which the tests of this file share in order."""
    lab.open("settings.ipynb", [cell.format(folder=folder) for cell in CELLS])
    for cell in (0, 1, 2, 3):
        lab.run(cell)
        lab.finish(cell)
    return lab


def test_the_form_is_accessible_and_its_buttons_are_in_sight(form):
    assert form.check_everywhere(".dl-keras", ".dl-keras button, .dl-keras select") == []
    assert not form.page.locator(".dl-saved-note").is_visible()


def test_arrow_keys_write_nothing_until_enter(form, folder):
    page, floats = form.page, find_select(form, "floatx")
    floats.focus()

    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".dl-later:has-text('is not written: Enter writes it')")
    passed = floats.input_value()
    assert passed != "float32"
    page.keyboard.press("Escape")
    assert floats.input_value() == "float32"
    assert "floatx" not in read_settings(folder)

    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".dl-keras .dl-note:has-text('{passed}')")
    assert read_settings(folder)["floatx"] == passed
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "floatx"


def test_what_is_asked_of_a_busy_kernel_is_not_shown_as_written(form, folder):
    form.run(8)
    form.page.wait_for_timeout(500)
    find_select(form, "image_data_format").select_option("channels_first")

    shown = find_select(form, "image_data_format").input_value()
    assert shown == "channels_last" or (
        read_settings(folder).get("image_data_format") == "channels_first"
    )
    later = "channels_first: not written yet"
    assert form.page.locator(f".dl-later:text-is('{later}')").count() or (
        read_settings(folder).get("image_data_format") == "channels_first"
    )
    form.finish(8)
    form.page.wait_for_selector(".dl-keras .dl-note:has-text('channels_first')")
    expect(find_select(form, "image_data_format")).to_have_value("channels_first", timeout=30_000)


def test_a_selection_is_written_and_takes_effect_after_a_restart(form, folder):
    lab = form
    assert find_select(lab, "backend").input_value() == "jax"

    find_select(lab, "backend").select_option("tensorflow")

    lab.page.wait_for_selector(".dl-keras .dl-later:text-is('this kernel still has jax')")
    assert read_settings(folder)["backend"] == "tensorflow"
    assert read_settings(folder)["mine"] == [1, 2]
    assert "backend: jax → tensorflow" in lab.page.inner_text(".dl-keras .dl-note")

    (folder / "keras.json").write_text('{"backend": "torch"}')
    lab.page.wait_for_function(
        "document.querySelector('.dl-keras select').value === 'torch'", timeout=20_000
    )

    lab.page.locator(".dl-keras button:has-text('Restart the kernel')").click()
    lab.page.wait_for_selector(".dl-keras .dl-gone:has-text('was restarted or has ended')")
    lab.run(4)
    lab.finish(4)
    assert "fresh" in lab.text_of(4)

    assert "was restarted or has ended" in lab.page.inner_text(".dl-keras .dl-gone")
    assert "run: %keras_settings" in lab.page.inner_text(".dl-keras .dl-gone")
    assert find_select(lab, "backend").is_disabled()
    find_select(lab, "backend").evaluate(
        "list => { list.value = 'jax'; list.dispatchEvent(new Event('change')); }"
    )
    assert find_select(lab, "backend").input_value() == "torch"
    assert read_settings(folder) == {"backend": "torch"}


def test_manage_aws_has_a_tab_for_keras_settings(form, folder):
    lab = form
    lab.open("tabs.ipynb", [cell.format(folder=folder) for cell in CELLS])
    for cell in (0, 1, 6, 5):
        lab.run(cell)
        lab.finish(cell)

    lab.page.locator(".jp-OutputArea .lm-TabBar-tabLabel:text-is('Keras settings')").click()

    find_select(lab, "floatx").wait_for(timeout=10_000)
    find_select(lab, "floatx").select_option("float64")
    lab.page.wait_for_selector(".dl-keras .dl-note:has-text('float64')")
    assert read_settings(folder)["floatx"] == "float64"
    lab.run(7)
    lab.finish(7)

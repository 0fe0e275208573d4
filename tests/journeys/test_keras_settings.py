"""`%keras_settings` in JupyterLab: select a value, change the file elsewhere, restart."""

from __future__ import annotations

import json

import pytest

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
]


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("jax")
    made = tmp_path / "keras"
    made.mkdir()
    (made / "keras.json").write_text('{"backend": "jax", "mine": [1, 2]}')
    return made


def read_settings(folder):
    return json.loads((folder / "keras.json").read_text())


def find_select(lab, name):
    return lab.page.locator(f".dl-keras select[aria-label='{name}']")


def test_a_selection_is_written_and_takes_effect_after_a_restart(lab, folder):
    lab.open("settings.ipynb", [cell.format(folder=folder) for cell in CELLS])
    for cell in (0, 1, 2, 3):
        lab.run(cell)
        lab.finish(cell)
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
    for _ in range(30):
        lab.page.wait_for_timeout(1000)
        if lab.page.locator(".jp-Dialog button").count():
            lab.page.locator(".jp-Dialog button").last.click()
        lab.run(4)
        if "fresh" in lab.text_of(4):
            break
    assert "fresh" in lab.text_of(4)


def test_manage_aws_has_a_tab_for_keras_settings(lab, folder):
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

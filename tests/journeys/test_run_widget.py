"""`%%finetune` in JupyterLab, as the README describes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from support.slow_epochs import FOR_EVER

pytestmark = pytest.mark.browser

LOAD = "%load_ext dl_magics"
FEW = "%%finetune data/fashion\nweights = None\nimage_size = 32\nsample = 10\nheads = 1"
LONG = f"{FEW}\n{FOR_EVER}".replace("sample = 10", "sample = 2")
SHORT = f"{FEW}\nepochs = 3"
POINTS = ".dl-chart >> nth=0 >> polyline.dl-valid"


def count_points(lab):
    return len((lab.page.locator(POINTS).get_attribute("points") or "").split())


@pytest.mark.parametrize("kernel", ["python3", "ipykernel-6.31"])
def test_the_chart_updates_and_stop_keeps_the_best_weights(lab, kernel):
    name = f"live-{kernel}.ipynb"
    lab.open(name, [LOAD, LONG, "run = _\nprint(run.status, 'val_loss' in run.best)"], kernel)
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    lab.page.wait_for_selector(POINTS, state="attached", timeout=90_000)
    first = count_points(lab)

    lab.page.wait_for_function(
        f"document.querySelector('.dl-chart polyline.dl-valid')"
        f".getAttribute('points').split(' ').length > {first + 3}",
        timeout=30_000,
    )
    lab.page.click(".jp-Notebook >> text=Stop")
    lab.finish(1)
    lab.run(2)
    lab.finish(2)

    lab.wait_for_text(2, "stopped True")
    lab.page.wait_for_selector(".dl-run", state="detached", timeout=30_000)
    lab.wait_for_text(1, "stopped, best weights kept")


def test_another_kernel_can_attach_to_a_run_and_stop_it(lab):
    trains, watches = "trains.ipynb", "watches.ipynb"
    lab.open(trains, [LOAD, LONG], "ipykernel-6.31")
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    lab.page.wait_for_selector(POINTS, state="attached", timeout=90_000)
    lab.reload()
    lab.open(watches, [LOAD, "run = %attach\nrun", "run.status"])
    lab.run(0)
    lab.finish(0)

    lab.run(1)
    lab.finish(1)
    lab.page.wait_for_selector(POINTS, state="attached", timeout=30_000)
    before = count_points(lab)
    lab.page.wait_for_function(
        f"document.querySelector('.dl-chart polyline.dl-valid')"
        f".getAttribute('points').split(' ').length > {before}",
        timeout=30_000,
    )
    lab.page.click(".jp-Notebook >> text=Stop")
    lab.page.wait_for_selector(".dl-run", state="detached", timeout=60_000)
    lab.run(2)
    lab.finish(2)

    lab.wait_for_text(2, "stopped")
    lab.wait_for_text(1, "stopped, best weights kept")


def test_a_misspelt_setting_says_what_to_type_in_whole_words_and_starts_no_run(lab, server):
    lab.open("wrong.ipynb", [LOAD, "%%finetune data/fashion\nepoch = 3"])
    lab.run(0)
    lab.finish(0)
    before = list(Path(server[2]).glob("runs/*"))

    lab.run(1)
    lab.finish(1)

    lab.wait_for_text(1, "Nearest: epochs.")
    lines = [line for line in lab.text_of(1).splitlines() if line.strip()]
    assert lines[0] == "BadSetting: epoch = 3: there is no setting 'epoch'."
    assert lines[1].startswith("  Nearest: epochs.")
    # Longer lines would be broken inside words.
    assert all(line.startswith("  ") and len(line) <= 76 for line in lines[1:])
    assert list(Path(server[2]).glob("runs/*")) == before


def test_the_widget_is_accessible_and_stop_is_in_sight_in_both_themes(lab):
    lab.open("theme.ipynb", [LOAD, LONG])
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    lab.page.wait_for_selector(POINTS, state="attached", timeout=90_000)

    assert lab.check_everywhere(".dl-run", ".dl-stop") == []

    lab.page.locator(".dl-stop").press("Enter")
    lab.finish(1)
    lab.wait_for_text(1, "stopped, best weights kept")


@pytest.fixture(scope="module")
def saved(lab):
    """Save two notebooks, `closed.ipynb` while its run goes on, and end their kernel."""
    lab.open("saved.ipynb", [LOAD, SHORT, "_.predict('data/fashion/valid/bag')"])
    for cell in (0, 1, 2):
        lab.run(cell)
        lab.finish(cell)
    lab.save()
    lab.open("closed.ipynb", [LOAD, LONG])
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    lab.page.wait_for_selector(POINTS, state="attached", timeout=90_000)
    assert not lab.page.locator(".dl-saved-note").is_visible()
    lab.save()
    lab.close_tabs()
    lab.shut_kernels_down()
    lab.reload()


def test_a_tab_that_was_closed_during_a_run_comes_back_with_its_name(lab, saved):
    lab.show("closed.ipynb", kernel=None)

    note = lab.page.locator(".dl-saved-note")
    note.wait_for(timeout=20_000)
    assert "goes on without this tab" in note.inner_text()
    assert "%attach 20" in note.inner_text()
    lab.page.wait_for_timeout(4000)  # longer than JupyterLab looks for a widget
    assert not lab.page.locator("text=/Error displaying widget|Loading widget/").is_visible()


def test_a_saved_notebook_shows_the_chart_and_the_table_without_a_kernel(lab, saved, tmp_path):
    lab.show("saved.ipynb", kernel=None)

    picture = lab.page.locator(".jp-OutputArea-output img").first
    picture.wait_for(timeout=20_000)
    assert picture.evaluate("image => image.naturalWidth") > 300
    assert "val_accuracy" in lab.page.locator(".jp-OutputArea-output table").first.inner_text()
    assert lab.page.locator("text=Loading widget").count() == 0
    lab.page.set_viewport_size({"width": 700, "height": 850})
    thumbnails = lab.page.locator(".jp-OutputArea-output td img")
    thumbnails.nth(14).wait_for(state="attached", timeout=20_000)
    widths = "images => images.map(image => image.getBoundingClientRect().width)"
    assert thumbnails.evaluate_all(widths) == [64.0] * 15
    lab.page.set_viewport_size({"width": 1100, "height": 850})
    outputs = nbformat.read(lab.folder / "saved.ipynb", as_version=4).cells[1].outputs
    shown = next(output.data for output in outputs if "image/png" in output.get("data", {}))
    assert {"text/plain", "text/html", "image/png"} <= shown.keys()
    page = tmp_path / "saved.html"
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(page)]
    subprocess.run([*convert, str(lab.folder / "saved.ipynb")], check=True, capture_output=True)
    lab.page.goto(page.as_uri())
    assert "val_accuracy" in lab.page.locator("table").first.inner_text()
    assert lab.page.locator("img").first.evaluate("image => image.naturalWidth") > 300

"""`%confusion` in JupyterLab: the matrix, the images of a cell by keyboard, a saved notebook."""

from __future__ import annotations

import shutil
from contextlib import nullcontext

import numpy as np
import pytest

from dl_magics.runs.events import RunEnded
from dl_magics.training.evaluation.evaluate import evaluate_split
from dl_magics.training.run import Run
from support import run_events, tiny_keras

pytestmark = pytest.mark.browser

CELLS = ["%load_ext dl_magics", "%confusion --run colours"]


class Reddish:
    """A model that knows red, and takes anything else for blue."""

    size = 32

    def probabilities(self, pixels):
        red = pixels[..., 0].mean((1, 2)) > 120
        return np.where(red[:, None], [0.1, 0.9], [0.8, 0.2]).astype(np.float32)


@pytest.fixture(scope="module")
def matrix(lab, server):
    """The matrix of a run whose predictions are stored already; no Keras is imported."""
    _, folder, ours = server
    data = folder / "colours"
    tiny_keras.photos(data / "train", n=2)
    tiny_keras.photos(data / "valid", n=10)
    tiny_keras.photo(data / "valid/red/blue <b>.png", "blue", 1)
    log = run_events.make_events(
        ended=RunEnded(status="done"), classes=("blue", "red"), data=str(data)
    )
    run = Run(run_events.write_log(ours / "runs/colours", log))
    model = run.path / "model.keras"
    model.write_bytes(b"the predictions are stored")
    evaluate_split(
        run.path, run.state, model, lambda: nullcontext(Reddish()), "valid", progress=print
    )
    lab.open("confusion.ipynb", CELLS)
    for cell in (0, 1):
        lab.run(cell)
        lab.finish(cell)
    lab.page.wait_for_selector(".dl-confusion table")
    yield lab
    shutil.rmtree(run.path)


def test_a_cell_shows_its_images_by_keyboard(matrix):
    page = matrix.page
    assert not page.locator(".dl-saved-note").is_visible()

    page.focus(".dl-confusion button[data-key='0,0']")
    page.keyboard.press("ArrowDown")
    label = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(label) == "1 image of red, predicted blue"
    page.keyboard.press("Enter")
    page.wait_for_selector(".dl-confusion li img")

    assert page.locator(".dl-confusion li").inner_text().split("\n") == [
        "80.0 %",
        "valid/red/blue <b>.png",
    ]
    assert page.evaluate(label) == "1 image of red, predicted blue"


def test_it_is_accessible_and_in_sight(matrix):
    assert matrix.check_everywhere(".dl-confusion", ".dl-confusion td button") == []


def test_a_saved_notebook_shows_the_matrix_without_its_kernel(matrix):
    matrix.save()
    matrix.shut_kernels_down()
    matrix.reload()
    matrix.show("confusion.ipynb", kernel=None)

    note = matrix.page.locator(".dl-saved-note")
    note.wait_for()
    assert "colours · valid: " in note.inner_text()
    assert note.locator("td").count() >= 8

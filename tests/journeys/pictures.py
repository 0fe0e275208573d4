"""Take the pictures of the README: `make pictures DATA=path/to/photos WEIGHTS=vgg16.weights.h5`.

They go to notebooks/images, in both themes. VGG16 trains on the photos for real.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.jupyter.panel import PANEL, Panel

pytestmark = pytest.mark.browser

IMAGES = Path(__file__).parents[2] / "notebooks" / "images"
FINETUNE = """%%finetune photos/dogscats
model         = "VGG16"
weights       = "vgg16.weights.h5"
image_size    = 160
epochs        = {epochs}
patience      = {epochs}
learning_rate = 1e-4"""
INSTANCES = [
    "%load_ext dl_magics",
    "%practice on",
    "%aws_launch t2.micro --name small -y",
    "%aws_stop small",
    "%aws_launch g4dn.xlarge --name gpu -y",
    "%manage_aws",
]
WINDOW = {"width": 900, "height": 660}
# The panel has a picture of its own, and a notification would cover what is shown.
ALONE = "() => window.jupyterapp.shell.collapseLeft()"
NO_NOTIFICATIONS = ".Toastify { display: none }"
BEST = ".dl-run >> text=Best so far: epoch"


@pytest.fixture(scope="module")
def panel(open_lab_with_panel: Callable[[], Any]) -> Iterator[Panel]:
    opened = Panel(open_lab_with_panel())
    photos = opened.lab.folder / "photos"
    photos.mkdir()
    (photos / "dogscats").symlink_to(Path(os.environ["PHOTOS"]).resolve())
    (opened.lab.folder / "vgg16.weights.h5").symlink_to(Path(os.environ["WEIGHTS"]).resolve())
    opened.page.set_viewport_size(WINDOW)
    yield opened
    opened.lab.shut_kernels_down()
    opened.call("practice", "PUT", {"on": False})


def shoot_in_both_themes(panel: Panel, name: str, element: str | None = None) -> None:
    panel.page.add_style_tag(content=NO_NOTIFICATIONS)
    for theme in ("Dark", "Light"):
        panel.lab.theme(f"JupyterLab {theme}")
        panel.page.wait_for_timeout(500)
        target = panel.page.locator(element).first if element else panel.page
        target.screenshot(path=IMAGES / f"{name}-{theme.lower()}.png")


def test_a_run(panel: Panel) -> None:
    lab = panel.lab
    # The first run computes the features, so that the second one is at its epochs at once.
    cells = ["%load_ext dl_magics", FINETUNE.format(epochs=3), FINETUNE.format(epochs=600)]
    lab.open("features.ipynb", cells[:2])
    for cell in (0, 1):
        lab.run(cell)
        lab.finish(cell, 900)
    lab.wait_for_text(1, "val_accuracy")
    lab.open("dogs and cats.ipynb", [*cells[::2], "run = _"])
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    lab.page.evaluate(ALONE)
    lab.page.wait_for_selector(f"{BEST} 2", timeout=120_000)
    shoot_in_both_themes(panel, "run")
    lab.page.click(".jp-Notebook >> text=Stop")
    lab.finish(1)


def test_the_instances(panel: Panel) -> None:
    lab = panel.lab
    lab.open("instances.ipynb", INSTANCES)
    for cell in range(len(INSTANCES)):
        lab.run(cell)
        lab.finish(cell)
    lab.page.evaluate(ALONE)
    lab.page.wait_for_selector(".dl-instances td.dl-running")
    shoot_in_both_themes(panel, "instances", ".dl-instances")


def test_the_panel(panel: Panel) -> None:
    lab = panel.lab
    panel.page.set_viewport_size({"width": 1100, "height": 720})
    lab.open("evening.ipynb", ["%load_ext dl_magics", FINETUNE.format(epochs=600)])
    panel.reveal()
    lab.run(0)
    lab.finish(0)
    lab.run(1)
    panel.wait_for_state("running", "dogscats")
    panel.page.locator(PANEL).get_by_text("val_accuracy").first.wait_for(timeout=120_000)
    lab.page.wait_for_selector(f"{BEST} 2", timeout=120_000)
    shoot_in_both_themes(panel, "panel")
    lab.page.click(".jp-Notebook >> text=Stop")
    lab.finish(1)

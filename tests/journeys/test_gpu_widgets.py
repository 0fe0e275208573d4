"""Widgets of a GPU kernel in JupyterLab, on the practice cloud."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics\n%practice on\n%aws_launch t2.micro --name widgets -y\n%gpu_connect",
    "%%gpu\nfrom tqdm.auto import tqdm\nimport time\nfor _ in tqdm(range(30)): time.sleep(0.05)",
    "%%gpu\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=7)\nseen = []\n"
    "def moved(change):\n    seen.append(change['new']); slider.description = str(seen)\n"
    "slider.observe(moved, 'value')\nslider",
    "%aws_terminate -f\n%practice off",
]
BAR = ".jp-CodeCell >> nth=1 >> .progress-bar"
HANDLE = ".jp-CodeCell >> nth=2 >> .noUi-handle"
WIDTHS = "bar => new Promise(done => { const seen = new Set(); const look = () => {"
WIDTHS += " seen.add(bar.style.width); seen.size > 5 ? done(seen.size) : setTimeout(look, 20); };"
WIDTHS += " look(); })"


def wait_for_description(lab, text):
    lab.page.locator(f".jp-CodeCell >> nth=2 >> .widget-label:text-is('{text}')").wait_for(
        timeout=30_000
    )


def test_a_bar_moves_and_a_slider_calls_back_on_the_gpu_kernel_also_after_a_reload(lab):
    lab.open("widgets.ipynb", CELLS)
    lab.run(0)
    lab.finish(0)

    lab.run(1)
    lab.page.locator(BAR).wait_for(state="attached", timeout=30_000)
    widths = lab.page.locator(BAR).evaluate(WIDTHS)
    lab.finish(1)
    lab.run(2)
    lab.finish(2)
    lab.page.locator(HANDLE).press("ArrowRight")
    wait_for_description(lab, "[8]")
    lab.save()
    lab.show("widgets.ipynb")
    wait_for_description(lab, "[8]")
    lab.page.locator(HANDLE).press("ArrowRight")
    wait_for_description(lab, "[8, 9]")

    assert widths > 5
    assert "30/30" in lab.text_of(1)
    lab.run(3)
    lab.finish(3)
    assert lab.page.locator(HANDLE).count() == 0

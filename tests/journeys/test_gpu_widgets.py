"""Widgets of a GPU kernel in JupyterLab, on the practice cloud."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics\n%practice on\n%aws_launch t2.micro --name widgets -y\n%gpu_connect",
    "%%gpu\nfrom tqdm.auto import tqdm\nimport time\nfor _ in tqdm(range(30)): time.sleep(0.02)",
    "%%gpu\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=7)\nseen = []\n"
    "def moved(change):\n    seen.append(change['new']); slider.description = str(seen)\n"
    "slider.observe(moved, 'value')\nslider",
    "%aws_terminate -f\n%practice off",
]
HANDLE = ".jp-CodeCell >> nth=2 >> .noUi-handle"
WATCH_WIDTHS = """() => {
  window.__widths = new Set();
  const look = () => document.querySelectorAll('.progress-bar').forEach(
    bar => window.__widths.add(bar.style.width));
  new MutationObserver(look).observe(
    document.body, {subtree: true, childList: true, attributeFilter: ['style']}); }"""


def wait_for_description(lab, text):
    lab.page.locator(f".jp-CodeCell >> nth=2 >> .widget-label:text-is('{text}')").wait_for(
        timeout=30_000
    )


def test_a_bar_moves_and_a_slider_calls_back_on_the_gpu_kernel_also_after_a_reload(lab):
    lab.open("widgets.ipynb", CELLS)
    lab.run(0)
    lab.finish(0)

    lab.page.evaluate(WATCH_WIDTHS)
    lab.run(1)
    lab.finish(1)
    lab.page.wait_for_selector("text=30/30")
    widths = lab.page.evaluate("window.__widths.size")
    lab.run(2)
    lab.finish(2)
    lab.page.locator(HANDLE).press("ArrowRight")
    wait_for_description(lab, "[8]")
    lab.save()
    lab.reload()
    lab.show("widgets.ipynb")
    wait_for_description(lab, "[8]")
    lab.page.locator(HANDLE).press("ArrowRight")
    wait_for_description(lab, "[8, 9]")

    assert widths > 2
    lab.run(3)
    lab.finish(3)
    assert lab.page.locator(HANDLE).count() == 0

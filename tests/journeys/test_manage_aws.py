"""`%manage_aws` and the terminal of `%aws_ssh` in JupyterLab, on the practice cloud."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics",
    "%practice on",
    "%aws_launch t2.micro --name gpu -y",
    "%manage_aws",
    "import time; time.sleep(6); print('slept')",
    "%practice off",
    "%aws_ssh",
    "%aws_ssh until [ -s seen ]; do sleep 0.1; done; cat seen",
]
PROMPTED = """() => [...window.jupyterapp.shell.widgets('main')].some(
  widget => widget.content?._term?.buffer?.active.getLine(0)?.translateToString(true))"""


def click(lab, text):
    lab.page.locator(f".dl-instances button:text-is('{text}')").first.click()


def wait_for_state(lab, state):
    lab.page.wait_for_selector(f".dl-instances td.dl-{state}", timeout=60_000)


def test_a_button_shows_the_cost_and_asks_for_confirmation(lab):
    lab.open("instances.ipynb", CELLS)
    for cell in (0, 1, 2, 3):
        lab.run(cell)
        lab.finish(cell)
    wait_for_state(lab, "running")

    click(lab, "Stop")
    assert "its disk still costs $8.00/month" in lab.page.inner_text(".dl-asked")
    click(lab, "No")
    assert lab.page.locator(".dl-asked").count() == 0
    wait_for_state(lab, "running")

    lab.run(4)
    lab.page.wait_for_timeout(1000)
    click(lab, "Stop")
    click(lab, "Yes")
    shown = "text=/Waiting for the kernel|stop …|stopping|stopped/"
    lab.page.locator(".dl-instances").locator(shown).first.wait_for(timeout=30_000)
    lab.finish(4)
    wait_for_state(lab, "stopped")
    assert lab.page.locator(".dl-instances button:text-is('Stop')").is_disabled()

    click(lab, "Start")
    assert "$0.0116/h" in lab.page.inner_text(".dl-asked")
    click(lab, "Yes")
    wait_for_state(lab, "running")

    lab.run(5)
    lab.finish(5)
    assert "The practice cloud is off" in lab.text_of(5)


def test_a_terminal_on_the_instance_opens_beside_the_notebook(lab):
    lab.open("terminal.ipynb", [*CELLS[:3], *CELLS[6:], CELLS[5]])
    for cell in range(4):
        lab.run(cell)
        lab.finish(cell)

    lab.page.click("button:text-is('Terminal on gpu')")
    lab.page.wait_for_function(PROMPTED)
    lab.page.click(".jp-Terminal .xterm-screen")
    lab.page.keyboard.type("echo $COLUMNS columns in $PWD, $((6 * 7)) > seen\n")
    lab.run(4)
    lab.finish(4)

    assert re.search(r"\d+ columns in \S+/instances/i-\S+, 42", lab.text_of(4))
    lab.save()
    assert lab.token not in (lab.folder / "terminal.ipynb").read_text("utf-8")
    lab.run(5)
    lab.finish(5)

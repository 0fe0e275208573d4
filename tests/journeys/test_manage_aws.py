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
FOCUSED = (
    "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
)
PROMPTED = """() => [...window.jupyterapp.shell.widgets('main')].some(
  widget => widget.content?._term?.buffer?.active.getLine(0)?.translateToString(true))"""


@pytest.fixture(scope="module")
def table(lab):
    """The table of one running instance, which the tests of this file share in order."""
    lab.open("instances.ipynb", CELLS)
    for cell in (0, 1, 2, 3):
        lab.run(cell)
        lab.finish(cell)
    wait_for_state(lab, "running")
    return lab


def find_button(lab, text):
    return lab.page.locator(f".dl-instances button:text-is('{text}')").first


def click(lab, text):
    find_button(lab, text).click()


def wait_for_state(lab, state):
    lab.page.wait_for_selector(f".dl-instances td.dl-{state}", timeout=60_000)


def focused(lab):
    return lab.page.evaluate(FOCUSED)


def test_the_table_is_accessible_and_its_buttons_are_in_sight(table):
    assert table.check_everywhere(".dl-instances", ".dl-instances button") == []
    assert not table.page.locator(".dl-saved-note").is_visible()


def test_the_keyboard_answers_a_question_and_keeps_its_place_when_the_table_is_redrawn(table):
    find_button(table, "Stop").focus()
    table.page.wait_for_timeout(4000)  # longer than a refresh
    assert focused(table) == "Stop gpu"

    table.page.keyboard.press("Enter")
    assert "its disk still costs $8.00/month" in table.page.inner_text(".dl-asked")
    assert focused(table) == "No"
    table.page.keyboard.press("Escape")

    assert table.page.locator(".dl-asked").count() == 0
    assert focused(table) == "Stop gpu"
    assert "dl-running" in table.page.locator(".dl-state").first.get_attribute("class")


def test_a_click_waits_for_a_busy_kernel_and_is_carried_out(table):
    table.run(4)
    table.page.wait_for_timeout(1000)
    click(table, "Stop")
    click(table, "Yes")
    shown = "text=/waiting for the kernel|stop …|stopping|stopped/"
    table.page.locator(".dl-instances").locator(shown).first.wait_for(timeout=30_000)
    table.finish(4)
    wait_for_state(table, "stopped")
    assert find_button(table, "Stop").is_disabled()

    click(table, "Start")
    assert "$0.0116/h" in table.page.inner_text(".dl-asked")
    click(table, "Yes")
    wait_for_state(table, "running")


def test_a_restarted_kernel_is_said_and_its_buttons_are_grey(table):
    click(table, "Stop")
    table.restart_kernel()

    gone = table.page.locator(".dl-gone:visible").first
    gone.wait_for()
    assert "was restarted or has ended" in gone.inner_text()
    assert "run: %manage_aws" in gone.inner_text()
    assert all(
        each.is_disabled()
        for each in table.page.locator(".dl-instances button:not(:text-is('No'))").all()
    )
    assert table.find_violations(".dl-instances") == []

    for cell in (0, 3):
        table.run(cell)
        table.finish(cell)
    wait_for_state(table, "running")
    assert find_button(table, "Stop").is_enabled()
    table.run(5)
    table.finish(5)
    table.wait_for_text(5, "The practice cloud is off")


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

    lab.wait_for_text(4, re.compile(r"\d+ columns in \S+/instances/i-\S+, 42"))
    lab.save()
    assert lab.token not in (lab.folder / "terminal.ipynb").read_text("utf-8")
    lab.run(5)
    lab.finish(5)

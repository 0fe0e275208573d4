"""Notebook 7 on the practice cloud: widgets, their buttons, and the panel.

Each test begins with what the one before it left.
"""

from __future__ import annotations

import pytest

from dl_magics.runs import stop_request
from dl_magics.runs.events import PhaseStarted, RunEnded
from dl_magics.runs.log import LogWriter
from support import run_events
from support.jupyter.panel import Panel

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics",
    "%practice on",
    "%aws_launch t2.micro --name seven -y",
    "%manage_aws",
    "run = %attach seven",
    "%aws_terminate seven -f\n%practice off",
]
NAME = "2020-01-01_seven"  # older than the runs of other tests on this server
ROW = ".dl-instances tr:has(button[aria-label='Stop seven'])"
POINTS = ".dl-chart >> nth=0 >> polyline.dl-valid"
# Notebook's own errors come from its own scripts.
OURS = ("labextensions/dl-magics", "labextensions/anywidget", "blob:")


@pytest.fixture(scope="module")
def shown(notebook_7):
    """An open notebook, and the list of the errors that our scripts raise."""
    errors = []
    notebook_7.page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    notebook_7.open("seven.ipynb", CELLS)
    for cell in range(3):
        notebook_7.run(cell)
        notebook_7.finish(cell)
    yield notebook_7
    assert [each for each in errors if any(name in each for name in OURS)] == []
    notebook_7.run(5)
    notebook_7.finish(5)


def test_the_buttons_of_the_instances_act(shown):
    shown.run(3)
    shown.finish(3)
    shown.page.wait_for_selector(f"{ROW} >> td.dl-running", timeout=60_000)

    shown.page.locator(f"{ROW} >> button:text-is('Stop')").click()
    shown.page.locator(".dl-instances button:text-is('Yes')").click()

    shown.page.wait_for_selector(f"{ROW} >> td.dl-stopped", timeout=60_000)


def test_a_run_is_drawn_live_and_stop_reaches_it(shown, server):
    folder = server[2] / "runs" / NAME
    folder.mkdir(parents=True)
    first, *middle, end = run_events.make_events(
        PhaseStarted(phase="head", total=2, unit="epochs"),
        run_events.epoch(1),
        run_events.epoch(2),
        ended=RunEnded(status="stopped"),
    )
    with LogWriter(folder) as writer:
        writer.append(first)
        shown.run(4)
        shown.finish(4)
        for event in middle:
            writer.append(event)
        shown.page.wait_for_selector(POINTS, state="attached", timeout=30_000)

        shown.page.locator(".dl-run .dl-stop").click()
        shown.page.locator(".dl-run").get_by_text("Stopping").first.wait_for(timeout=30_000)
        while not stop_request.is_stop_requested(folder):
            shown.page.wait_for_timeout(50)
        writer.append(end)

    shown.page.wait_for_selector(".dl-run", state="detached", timeout=30_000)
    shown.wait_for_text(4, "epoch 2 of 2 · stopped")


def test_the_panel_shows_what_is_rented_and_opens_a_run_in_a_page_of_its_own(shown):
    panel = Panel(shown).reveal()
    panel.wait_for_state("stopped", "seven")
    panel.wait_for_state("stopped", NAME)

    assert panel.find_problems() == []
    panel.shoot("notebook-7")
    with shown.page.expect_popup() as opened:
        panel.press("Attach in New Notebook")
    page = opened.value

    page.locator(".jp-Notebook").get_by_text(f"%attach {NAME}").wait_for(timeout=30_000)
    assert page.url.endswith("/notebooks/Untitled.ipynb")
    page.close()

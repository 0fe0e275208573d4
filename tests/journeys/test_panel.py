"""The panel on the practice cloud: from no account to a stopped instance, in one JupyterLab.

Each test begins with what the one before it left.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.jupyter.panel import PANEL, STATUS, Panel

pytestmark = pytest.mark.browser

LOAD = "%load_ext dl_magics"
UPLOAD = "%sync up data/fashion"
LONG = "%%finetune data/fashion\nweights = None\nimage_size = 32\nepochs = 5000\npatience = 5000"


@pytest.fixture(scope="module")
def panel(open_lab_with_panel) -> Iterator[Panel]:
    opened = Panel(open_lab_with_panel()).open()
    yield opened
    opened.lab.shut_kernels_down()
    opened.call("practice", "PUT", {"on": False})


@pytest.fixture(scope="module")
def other(open_lab_with_panel, panel) -> Panel:
    """The panel in another browser."""
    return Panel(open_lab_with_panel()).open()


def test_without_credentials_the_panel_says_what_to_do(panel):
    panel.wait_for("No AWS account at hand?")

    assert panel.page.locator(STATUS).count() == 0
    assert panel.find_problems() == []
    panel.shoot("no-credentials")
    panel.press("Try the Practice Cloud")
    panel.wait_for("No instance in practice")


def test_launch_shows_prices_and_asks_with_dollars_account_and_region(panel):
    lab = panel.lab
    lab.open("evening.ipynb", [LOAD])
    lab.run(0)
    lab.finish(0)
    panel.reveal().press("Launch…")
    panel.page.wait_for_selector(".dl-prices")
    panel.shoot("launch")
    assert panel.page.get_by_role("radio", name="g4dn.xlarge", exact=True).is_checked()
    panel.page.get_by_role("searchbox", name="Filter").fill("t2.micro")
    panel.page.get_by_role("radio", name="t2.micro", exact=True).check()
    panel.answer("Show Cost…")
    panel.page.get_by_text("Launch gpu?").wait_for()
    question = panel.answer("Launch")

    assert all(part in question for part in ("$0.0116/h", "us-east-1", "123456789012"))
    panel.wait_for_state("running")
    assert "gpu running · $0.0" in panel.page.inner_text(STATUS)
    panel.press("Insert Magic")
    lab.page.locator(".jp-Notebook").get_by_text("%aws_launch t2.micro --name gpu").wait_for()


def test_a_run_of_a_busy_kernel_is_live_after_a_reload_and_can_be_stopped(panel):
    lab = panel.lab
    panel.press("Connect")
    lab.page.locator(".jp-Notebook").get_by_text("GPU kernel").first.wait_for(timeout=90_000)

    lab.open("train.ipynb", [LOAD, "%practice on\n%gpu_connect gpu", UPLOAD, LONG])
    panel.reveal()
    for cell in (0, 1, 2):
        lab.run(cell)
        lab.finish(cell)
    lab.run(3)
    panel.wait_for_state("running", "fashion")
    panel.wait_for("val_accuracy")
    panel.shoot("running")

    panel.open()
    panel.wait_for_state("running", "fashion")
    shown = panel.page.locator(".dl-run-name + .dl-bar + .dl-facts").inner_text()
    panel.page.wait_for_function(
        "text => document.querySelector('.dl-run-name + .dl-bar + .dl-facts').textContent !== text",
        arg=shown,
    )
    panel.press("Stop 20")
    panel.answer("Stop")
    panel.wait_for_state("stopped", "fashion")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
@pytest.mark.parametrize("width", [1100, 320])
def test_nothing_is_cut_off_or_hard_to_read(panel, theme, width):
    panel.lab.theme(theme)
    panel.page.set_viewport_size({"width": width, "height": 850})
    panel.page.wait_for_timeout(300)
    panel.shoot(f"{theme.split()[1].lower()}-{width}")
    problems = panel.find_problems()
    panel.press("Launch…")
    panel.page.wait_for_selector(".dl-prices")
    panel.shoot(f"launch-{theme.split()[1].lower()}-{width}")
    problems += panel.find_problems()
    panel.answer("Cancel")
    panel.page.set_viewport_size({"width": 1100, "height": 850})

    assert problems == []


def test_leaving_the_page_while_an_instance_is_billed_asks_first(panel):
    asked = []
    panel.page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))

    panel.open()

    assert asked == ["beforeunload"]


def test_another_browser_shows_the_same_and_stops_the_instance(panel, other):
    other.wait_for_state("running")
    other.press("Stop gpu")

    panel.wait_for_state("stopped")
    panel.page.locator(STATUS).wait_for(state="hidden")


def test_a_refusal_of_ec2_is_said_at_the_instance_and_the_keyboard_is_enough(panel):
    panel.call("practice/faults", "POST", {"name": "no-capacity-on-start"})
    keyboard = panel.page.keyboard
    panel.type_on("Start gpu", "Enter")
    panel.page.wait_for_selector(".jp-Dialog")
    keyboard.press("Enter")
    panel.page.locator(f"{PANEL} li [role=alert]").wait_for()

    assert "capacity" in panel.page.locator(f"{PANEL} li [role=alert]").inner_text()
    panel.shoot("refused")
    panel.type_on("Dismiss", "Space")
    panel.type_on("Start gpu", "Enter")
    panel.page.wait_for_selector(".jp-Dialog")
    keyboard.press("Enter")
    panel.wait_for_state("running")
    assert panel.page.evaluate("document.activeElement.textContent") == "Stop"
    panel.type_on("Stop gpu", "Enter")
    panel.wait_for_state("stopped")

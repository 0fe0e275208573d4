"""The panel on the practice cloud: from no account to a stopped instance, in one JupyterLab.

Each test begins with what the one before it left.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import LogWriter
from dl_magics.store import link_outages, notebook_session, paths, private, questions, resizes
from dl_magics.store.link_outages import Outage
from dl_magics.training.steps.budget import Budget
from support import run_events
from support.jupyter.panel import PANEL, STATUS, Panel
from support.slow_epochs import FOR_EVER

pytestmark = pytest.mark.browser

LOAD = "%load_ext dl_magics"
UPLOAD = "%sync up data/fashion"
QUESTION = "In practice · us-east-1, account 123456789012: gpu (t2.micro) starts, $0.0116/h"
FEW = "%%finetune data/fashion\nweights = None\nimage_size = 32\nsample = 10\nheads = 1"
LONG = f"{FEW}\n{FOR_EVER}".replace("sample = 10", "sample = 2")


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
    spot = panel.page.get_by_label("Spot instance")
    panel.page.get_by_text("From $0.1894/h now, on demand $0.526/h: 64 % less").wait_for()
    spot.check()
    panel.page.get_by_text("its request is persistent").wait_for()
    maximum = panel.page.get_by_label("Maximum price")
    maximum.fill("0.1")
    panel.page.get_by_text("Lower than the spot price now").wait_for()
    maximum.fill("0.3")
    problems = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        for width in (700, 1280):
            panel.page.set_viewport_size({"width": width, "height": 850})
            panel.shoot(f"launch-spot-{theme.split()[1].lower()}-{width}")
            problems += panel.find_problems()
    panel.page.set_viewport_size({"width": 1100, "height": 850})
    panel.answer("Show Cost…")
    panel.page.get_by_text("Launch gpu?").wait_for()
    question = panel.answer("Cancel")

    assert problems == []
    assert "$0.30/h (--max-price); on demand: $0.526/h" in question
    panel.press("Launch…")
    panel.page.wait_for_selector(".dl-prices")
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


def test_the_example_has_a_cell_of_its_own(panel):
    panel.lab.open("example.ipynb", ["1"])
    panel.reveal().press("Insert an Example")
    example = panel.page.locator(".jp-Notebook .jp-CodeCell")

    example.nth(2).get_by_text("%%finetune data/dogscats").wait_for()
    assert example.nth(1).locator(".cm-content").inner_text() == LOAD


def test_the_guard_says_when_it_stops_the_instance_and_is_put_off(panel):
    lab, page = panel.lab, panel.page
    panel.wait_for("stops in")
    ends = [f"%aws_start gpu --max-duration {each} -y" for each in ("4m", "8h")]
    first = f"{LOAD}\n%practice on\n%idle_timeout 4 gpu"
    lab.open("guard.ipynb", [first, "%idle_timeout 30 gpu", *ends])
    lab.run(0)
    panel.wait_for_notification("The guard stops gpu in")
    panel.reveal().shoot("guard-stops")
    page.locator(".Toastify").get_by_role("button", name="Keep for an Hour").click()
    panel.wait_for("stops in 1 h")
    lab.run(1)
    lab.finish(1)

    # The change itself counts as work until the guard looks again.
    page.locator(STATUS).get_by_text("stops in").first.wait_for()
    lab.run(2)
    panel.wait_for_notification(re.compile("The guard stops gpu in .*: the end that was set"))
    panel.shoot("guard-ends")
    lab.run(3)
    lab.finish(3)
    panel.press("Insert Magic")
    page.locator(".jp-Notebook").get_by_text("%aws_keep 1h i-").first.wait_for()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        for width in (700, 1280):
            page.set_viewport_size({"width": width, "height": 850})
            panel.shoot(f"guard-{theme.split()[1].lower()}-{width}")
    page.set_viewport_size({"width": 1100, "height": 850})


def test_a_run_of_a_busy_kernel_is_live_after_a_reload_and_can_be_stopped(panel):
    lab = panel.lab
    panel.press("Connect")
    # The kernel may have been restarted since the first cell ran.
    lab.page.locator(".jp-Notebook").get_by_text(LOAD).nth(1).wait_for()
    lab.page.locator(".jp-Notebook").get_by_text("GPU kernel").first.wait_for(timeout=90_000)
    panel.press("Terminal")
    panel.type_in_terminal("echo $((6 * 7)) in ~")
    panel.wait_for_terminal(r"42 in \S+/practice/\S+/home\b")

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
    panel.wait_for(" --stop")
    panel.wait_for_state("stopped", "fashion")
    panel.press("Attach in New Notebook")
    shown = panel.page.locator(".jp-Notebook .jp-OutputArea")
    shown.get_by_text("stopped, best weights kept").first.wait_for()
    panel.press("Insert Magic")
    panel.page.locator(".jp-Notebook").get_by_text("%attach 20").nth(1).wait_for()


def test_keras_settings_are_changed_and_the_change_is_undone(panel):
    panel.toggle_section("Keras settings")
    floatx = panel.page.locator(PANEL).get_by_label("floatx")
    floatx.select_option("float64", timeout=60_000)
    assert panel.page.locator("#dl-magics-keras").bounding_box()["height"] > 100
    panel.wait_for("→ float64")
    panel.wait_for("%backend --floatx float64 --here")
    panel.wait_for("Undo in ")
    assert panel.find_problems() == []
    panel.shoot("keras")
    panel.press("Undo")
    panel.wait_for("%backend --undo --here")
    panel.wait_for("floatx: float64 →")

    panel.toggle_section("Keras settings")
    floatx.wait_for(state="hidden")


def test_a_badge_leads_to_what_runs_in_another_region(panel):
    panel.call("place", "PUT", {"profile": "practice", "region": "eu-west-1"})
    panel.wait_for("No instance in practice · eu-west-1")
    panel.wait_for("also running in us-east-1: 1 instance, $0.01")
    panel.shoot("elsewhere")

    panel.press("also running in us-east-1")

    panel.wait_for_state("running")


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


def test_a_cell_without_input_is_answered_in_one_of_the_browsers(panel, other):
    with panel.in_its_home(), questions.ask_question(QUESTION, "train.ipynb") as asked:
        for each in (panel, other):
            each.page.get_by_text("A cell of train.ipynb asks").wait_for()
        panel.shoot("question")
        assert panel.find_problems() == []
        answering = threading.Thread(
            target=wait_for_answer, args=(asked.id, answers := []), daemon=True
        )
        answering.start()

        assert QUESTION in other.answer("Yes, Do It")

        answering.join()
        panel.page.locator(".jp-Dialog").wait_for(state="detached")
    assert answers == [True]


def wait_for_answer(id_, answers):
    while (answer := questions.take_answer(id_)) is None:
        time.sleep(0.05)
    answers.append(answer)


def test_a_link_that_is_lost_is_notified_until_it_is_back(panel):
    with panel.in_its_home():
        session = notebook_session.current()
        notebook_session.hold(session)
        whose = {"host": "gpu", "session": session.name, "notebook": "train.ipynb"}
        lost = Outage(kernel_id="ab12cd34", since=1.0, **whose)
        link_outages.store(lost)
        panel.wait_for_notification("The connection of train.ipynb to gpu is lost.")
        panel.shoot("link-lost")
        link_outages.store(replace(lost, ended_at=24.0))
        panel.wait_for_notification("is back after 23 s")
        link_outages.forget(lost.kernel_id)
        notebook_session.release(session)


def test_a_run_that_reaches_its_budget_is_notified(panel):
    ends = Budget(0.5, 0.0, 60.0).warn_of_end(best_epoch=3)
    began, warned, ended = run_events.stamp(
        [run_events.started(budget=0.5), ends, RunEnded(status="done")]
    )
    with panel.in_its_home():
        folder = private.create_folder(paths.data_folder("runs") / "2026-11-26_budget")
        with LogWriter(folder) as writer:
            writer.append(began)
            panel.wait_for_state("running", "2026-11-26_budget")
            writer.append(warned)
            panel.wait_for_notification("ends by its budget of $0.50, with its best weights")
            panel.shoot("budget-reached")
            writer.append(ended)
    panel.wait_for_state("done", "2026-11-26_budget")


def test_a_refusal_of_ec2_is_said_at_the_instance_and_the_keyboard_is_enough(panel):
    panel.call("practice/faults", "POST", {"name": "no-capacity-on-start"})
    keyboard = panel.page.keyboard
    panel.type_on("Start gpu", "Enter")
    panel.page.wait_for_selector(".jp-Dialog button:focus")
    keyboard.press("Enter")
    panel.page.locator(f"{PANEL} li [role=alert]").wait_for()

    assert "capacity" in panel.page.locator(f"{PANEL} li [role=alert]").inner_text()
    panel.shoot("refused")
    panel.type_on("Dismiss", "Space")
    panel.type_on("Start gpu", "Enter")
    panel.page.wait_for_selector(".jp-Dialog button:focus")
    keyboard.press("Enter")
    panel.wait_for_state("running")
    assert panel.page.evaluate("document.activeElement.textContent") == "Stop"
    panel.type_on("Stop gpu", "Enter")
    panel.wait_for_state("stopped")


def test_a_resize_that_was_cut_off_is_finished_and_another_one_asks_with_its_price(panel):
    (gpu,) = panel.call("instances?fresh=true")["instances"]
    with panel.in_its_home():
        resizes.begin(gpu["id"], resizes.Resize("t2.large", gpu["launched_at"]))
    panel.call("instances?fresh=true")
    panel.wait_for("The change of gpu to t2.large was interrupted")
    panel.shoot("unfinished")
    assert panel.find_problems() == []
    panel.press("Finish Resize")
    panel.page.get_by_text("Resize gpu?").wait_for()
    question = panel.answer("Resize")
    told = ("Change and start gpu", "from t2.micro, $0.0116/h", "to t2.large, $0.0928/h")
    assert all(part in question for part in told)
    panel.wait_for("t2.large · us-east-1")
    panel.wait_for_state("running")

    panel.press("Resize")
    panel.page.get_by_role("searchbox", name="Filter").fill("t2.micro")
    panel.page.get_by_role("radio", name="t2.micro", exact=True).check()
    panel.answer("Show Cost…")
    panel.page.get_by_text("Resize gpu?").wait_for()
    question = panel.answer("Resize")
    assert all(part in question for part in ("$0.0116/h", "us-east-1", "123456789012"))
    panel.wait_for("t2.micro · us-east-1")
    panel.wait_for_state("running")


def test_shutting_down_says_what_keeps_running(panel):
    panel.page.get_by_role("menuitem", name="File", exact=True).click()
    panel.page.get_by_role("menuitem", name="Shut Down", exact=True).click()
    panel.wait_for_notification("Still running and billed by the second: gpu")
    panel.shoot("shut-down")
    panel.answer("Cancel")


def test_terminating_asks_and_deletes(panel):
    panel.press("Terminate")
    panel.page.get_by_text("Terminate gpu?").wait_for()
    assert "its disk is deleted" in panel.answer("Terminate")

    panel.wait_for_state("terminated")
    panel.page.locator(STATUS).wait_for(state="hidden")

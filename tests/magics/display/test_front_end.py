"""With a real kernel, and what shows its cells: a console, nbclient, and a browser's requests."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from dl_magics.magics.display.front_end import count_columns, is_console, shows_widgets
from dl_magics.runs.events import PhaseStarted, RunEnded, Warned
from support import run_events
from support.jupyter import browser

WIDGET = "application/vnd.jupyter.widget-view+json"
NAME = "2026-11-22_235400_vgg16_dogscats"
STORY = run_events.make_events(
    PhaseStarted(phase="head", total=2, unit="epochs"),
    Warned(code="few", text="Few images.", fix="Add some."),
    run_events.epoch(1),
    run_events.epoch(2),
    ended=RunEnded(status="done"),
)
LINES = [
    "head: 0 of 2 epochs",
    "! Few images. Add some.",
    "epoch 1: loss 0.5000, accuracy 0.9000, val_loss 0.5000, val_accuracy 0.8000 (best)",
    "epoch 2: loss 0.5000, accuracy 0.9000, val_loss 0.5000, val_accuracy 0.8000 (best)",
]
HEADLINE = "VGG16 on dogscats: val_accuracy 0.800, val_loss 0.500, epoch 2 of 2 · done"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    run_events.write_log(home / "runs" / NAME, STORY)
    environment = {**os.environ, "DL_MAGICS_HOME": str(home)}
    environment.pop("JPY_SESSION_NAME", None)
    return environment


@pytest.fixture(scope="module")
def kernel(environment):
    manager, client = browser.start_kernel(environment)
    yield SimpleNamespace(manager=manager, client=client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_browser_gets_widgets(kernel):
    shown = []
    kernel.client.execute_interactive(
        "%load_ext dl_magics\nrun = %attach\n%keras_settings",
        output_hook=lambda message: shown.append(message["content"]),
        timeout=browser.SECONDS,
    )

    assert sum(WIDGET in content.get("data", {}) for content in shown) == 2


def test_a_console_gets_lines_and_text_in_place_of_widgets(kernel):
    command = [sys.executable, "-m", "jupyter_console", "--simple-prompt", "--existing"]
    cells = "%load_ext dl_magics\nrun = %attach\n%keras_settings\nexit\n"

    said = subprocess.run(
        [*command, kernel.manager.connection_file],
        input=cells,
        capture_output=True,
        text=True,
        timeout=browser.SECONDS,
        check=True,
    ).stdout

    assert [line for line in LINES if line in said] == LINES
    assert said.count(HEADLINE) == 1
    assert "Widgets are not shown here: use %backend to change a setting." in said
    assert "SettingsPanel(" not in said


def test_an_executed_notebook_gets_lines_and_the_picture(environment, tmp_path):
    cells = map(nbformat.v4.new_code_cell, ["%load_ext dl_magics", "run = %attach"])
    notebook = nbformat.v4.new_notebook(cells=[*cells])
    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}})

    *printed, still = client.execute(env=environment).cells[1].outputs

    assert [output.text for output in printed] == [f"{line}\n" for line in LINES]
    assert still.data["text/plain"] == HEADLINE
    assert "<table>" in still.data["text/html"]
    assert "image/png" in still.data


@pytest.mark.parametrize(
    ("request_id", "allow_stdin", "session", "widgets", "console"),
    [
        ("6f1c2a9e-5b0c-4d43-9f7e-0b1d2c3e4f50", True, None, True, False),  # JupyterLab, VS Code
        ("6f1c2a9e-5b0c-4d43-9f7e-0b1d2c3e4f50", True, "a.ipynb", True, False),
        ("1d2c-aa_bb_cc_4711_12", True, None, False, True),  # jupyter console
        ("1d2c-aa_bb_cc_4711_12", False, None, False, False),  # nbclient, papermill
        ("1d2c-aa_bb_cc_4711_12", False, "a.ipynb", False, False),  # the server runs the cells
    ],
)
def test_what_a_front_end_can_show(monkeypatch, request_id, allow_stdin, session, widgets, console):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)
    request = {"header": {"msg_id": request_id}, "content": {"allow_stdin": allow_stdin}}
    shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: request))

    assert (shows_widgets(shell), is_console(shell)) == (widgets, console)
    assert bool(count_columns(shell)) is widgets


def test_a_terminal_shows_no_widgets(shell):
    assert not shows_widgets(shell)

"""With a real jupyter-server-documents, which runs the cells itself."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher

from dl_magics.magics.display import updatable
from dl_magics.magics.display.updatable import UpdatableDisplay, find_mode
from dl_magics.runs.events import PhaseStarted, RunEnded
from dl_magics.store import questions
from support import run_events
from support.jupyter import server_run

WIDGET = "application/vnd.jupyter.widget-view+json"
REDRAW = """
from IPython.core.magic import register_line_magic
from dl_magics.magics.display.updatable import UpdatableDisplay, print_line

@register_line_magic
def redraw(line):
    print_line("first line")
    shown = UpdatableDisplay(get_ipython())
    for percent in range(0, 99, 10):
        shown.show({"text/plain": f"{percent} %"})
        if percent == 50:
            print_line("half")
    shown.finish({"text/plain": "100 %"})
"""
CONFIRM = """
from dl_magics.magics.prompts import confirm
confirm("A g4dn.xlarge costs $0.53/h", yes=False)
print("it costs")
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of cells that the server ran, by name."""
    base = tmp_path_factory.mktemp("server_run")
    ours = base / "ours"
    story = run_events.make_events(
        PhaseStarted(phase="head", total=2, unit="epochs"),
        run_events.epoch(1),
        run_events.epoch(2),
        ended=RunEnded(status="done"),
    )
    run_events.write_log(ours / "runs" / "2026-11-22_235400_vgg16_dogscats", story)
    cells = {
        "load": "%load_ext dl_magics",
        "define": REDRAW,
        "redraw": "%redraw",
        "after other output": "print('kept')\n%redraw",
        "widget": "# the newest run\nrun = %attach",
        "plain": "%config FinetuneMagics.live = 'plain'\nrun = %attach",
        "yes": CONFIRM,
        "no": CONFIRM,
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        server_run.serve(base, DL_MAGICS_HOME=str(ours)) as server,
    ):
        patch.setenv("DL_MAGICS_HOME", str(ours))
        answering = threading.Thread(target=answer_questions, args=([True, False],))
        answering.start()
        shown = server.run("evening.ipynb", [*cells.values()])
        answering.join()
    return dict(zip(cells, shown, strict=True))


def answer_questions(answers):
    """Answer one question of a cell after the other, as the panel does."""
    for yes in answers:
        while not (asked := questions.list_open()):
            time.sleep(0.05)
        assert asked[0].notebook == "evening.ipynb"
        questions.mark_shown(asked[0].id)
        questions.give_answer(asked[0].id, yes=yes)


def texts(outputs):
    """Return the text of each output; what was printed is one text."""
    shown = [
        output["text"] if "text" in output else output["data"]["text/plain"] for output in outputs
    ]
    return "".join("".join(each).rstrip("\n") + "\n" for each in shown).splitlines()


def test_where_the_server_runs_the_cells_a_redraw_leaves_the_last_display_and_the_lines(outputs):
    assert texts(outputs["redraw"]) == ["first line", "half", "100 %"]


def test_other_output_of_the_cell_is_kept_there_and_only_the_first_and_last_display_are_added(
    outputs,
):
    assert texts(outputs["after other output"]) == ["kept", "first line", "0 %", "half", "100 %"]


def test_a_run_leaves_one_still_picture_there(outputs):
    (still,) = outputs["widget"]

    assert set(still["data"]) == {"text/plain", "text/html", "image/png"}


def test_a_run_in_a_cell_with_other_lines_leaves_its_first_and_last_display_there(outputs):
    assert texts(outputs["plain"])[0] == "Starting …"
    assert "image/png" in outputs["plain"][-1]["data"]
    assert len(outputs["plain"]) == 2


def test_a_question_about_money_is_answered_there_by_a_dialog_while_its_cell_waits(outputs):
    question = "A g4dn.xlarge costs $0.53/h — do it? A dialog of JupyterLab asks."
    *printed, refused = outputs["no"]

    assert texts(outputs["yes"]) == [question, "Confirmed in JupyterLab.", "it costs"]
    assert texts(printed) == [question]
    assert (refused["ename"], refused["evalue"]) == ("NotConfirmed", "Nothing was changed.")


def kernel_running(code, *, allow_stdin, is_python=False):
    """A shell whose kernel runs this cell."""
    header = {"msg_id": "1-2_3_4" if is_python else "1"}
    request = {"header": header, "content": {"code": code, "allow_stdin": allow_stdin}}
    return SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: request))


@pytest.mark.parametrize(
    ("code", "allow_stdin", "session", "mode"),
    [
        ("%%finetune data\nepochs = 2", True, "a.ipynb", "update"),
        ("%%finetune data\nepochs = 2", False, None, "update"),  # nbclient, papermill
        ("%%finetune data\nepochs = 2", False, "a.ipynb", "clear"),
        ("# train\n\n%finetune data", False, "a.ipynb", "clear"),
        ("run = %attach", False, "a.ipynb", "clear"),
        ("print(1)\n%finetune data", False, "a.ipynb", "append"),
        ("", False, "a.ipynb", "append"),
    ],
)
def test_how_an_output_is_replaced(monkeypatch, code, allow_stdin, session, mode):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)

    assert find_mode(kernel_running(code, allow_stdin=allow_stdin)) == mode


def test_a_console_replaces_nothing():
    assert find_mode(kernel_running("", allow_stdin=True, is_python=True)) == "append"


def test_a_terminal_replaces_nothing(shell):
    assert find_mode(shell) == "append"


def test_a_front_end_that_runs_the_cell_gets_updates_of_one_display(shell, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: True)
    monkeypatch.setattr(InteractiveShell, "instance", lambda *_: shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    shown = UpdatableDisplay(kernel_running("%redraw", allow_stdin=True))

    shown.show({"text/plain": "0 %"})
    shown.finish({"text/plain": "100 %"})
    shown.remove()

    assert [each["data"]["text/plain"] for each in publisher.outputs] == ["0 %", "100 %", ""]
    assert [each["update"] for each in publisher.outputs] == [False, True, True]
    assert len({each["transient"]["display_id"] for each in publisher.outputs}) == 1


def test_all_magics_replace_what_they_display_by_this_rule():
    magics = Path(updatable.__file__).parents[1]
    found = {
        path.name
        for path in magics.rglob("*.py")
        if "display_id=True" in path.read_text() or "import clear_output" in path.read_text()
    }

    assert found <= {"updatable.py", "messages.py"}  # messages: what a cell of the GPU kernel asks

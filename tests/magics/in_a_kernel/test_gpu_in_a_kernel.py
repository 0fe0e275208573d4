"""`%%gpu` in a real kernel: what a front end sees, and what ends a cell on both sides."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbclient import NotebookClient

from support.jupyter.notebook import SECONDS, printed, shown

LATE = {
    "a thread": (
        "%%gpu\nimport threading, time\n"
        "def f():\n    for i in range(3): time.sleep(.4); print('late', i)\n"
        "threading.Thread(target=f).start(); print('main')",
        "main\nlate 0\nlate 1\nlate 2\n",
    ),
    "a task": (
        "%%gpu\nimport asyncio\n"
        "async def g():\n    await asyncio.sleep(.5); print('late task')\n"
        "t = asyncio.create_task(g()); print('started')",
        "started\nlate task\n",
    ),
    "a child process": (
        "%%gpu\nimport subprocess\np = subprocess.Popen('sleep .5; echo late sub', shell=True)",
        "late sub\n",
    ),
}
HANDLE = (
    "%%gpu\nfrom IPython.display import display\nimport threading, time\n"
    "h = display('0 %', display_id=True)\n"
    "def u():\n    for i in range(3): time.sleep(.3); h.update(f'{i} %')\n"
    "threading.Thread(target=u).start()"
)


@pytest.mark.parametrize("what", LATE)
def test_output_after_the_end_of_a_cell_appears_under_it(open_notebook, what):
    cell, text = LATE[what]

    sent = open_notebook.send(cell)

    outputs = open_notebook.until(sent, lambda outputs: printed(outputs).endswith(text[-5:]))
    assert printed(outputs) == text


def test_a_display_is_updated_after_the_end_of_its_cell(open_notebook):
    sent = open_notebook.send(HANDLE)

    outputs = open_notebook.until(sent, lambda outputs: "2 %" in shown(outputs))
    shows = [(kind, content) for kind, content in outputs if "data" in content]
    assert [(kind, content["data"]["text/plain"]) for kind, content in shows] == [
        ("display_data", "'0 %'"),
        *(("update_display_data", f"'{i} %'") for i in range(3)),
    ]
    assert len({content["transient"]["display_id"] for _, content in shows}) == 1


def test_later_output_appears_under_its_own_cell_while_another_runs(open_notebook):
    first = open_notebook.send(LATE["a task"][0])
    second = open_notebook.send("%%gpu\nprint('second'); await asyncio.sleep(1)")

    texts = {first: "", second: ""}
    while "late task" not in "".join(texts.values()):
        message = open_notebook.client.get_iopub_msg(timeout=SECONDS)
        if message["msg_type"] == "stream":
            texts[message["parent_header"]["msg_id"]] += message["content"]["text"]
    open_notebook.answer(second)
    assert texts == {first: "started\nlate task\n", second: "second\n"}


def test_an_error_keeps_its_name_and_text_for_the_front_end(open_notebook):
    reply, outputs = open_notebook.run("%%gpu\n1 / 0")

    (error,) = [content for kind, content in outputs if kind == "error"]
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert (reply["ename"], reply["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "1 1 / 0" in re.sub(r"\x1b\[[0-9;]*m", "", "".join(error["traceback"]))


def test_a_cell_behind_a_failing_background_cell_runs(open_notebook):
    open_notebook.run("%%gpu\ndone = []")
    open_notebook.run("q = 1")
    open_notebook.run("%%gpu --background\nimport time; time.sleep(2); 1/0")

    reply, outputs = open_notebook.run(
        "%%gpu -i q -o q\ndone.append(1); q = q + 1; print('behind')"
    )
    assert reply["status"] == "ok"
    assert "behind\n" in printed(outputs)
    _, outputs = open_notebook.run("%%gpu -o done\nprint(done)")
    assert printed(outputs) == "[1]\n"
    _, outputs = open_notebook.run("print(q)")
    assert printed(outputs) == "2\n"


def test_stop_while_a_cell_waits_leaves_the_background_cell_alone(open_notebook):
    open_notebook.run("%%gpu --background\nimport time; time.sleep(3); print('the whole time')")
    sent = open_notebook.send("%%gpu\nprint('second')")

    reply, outputs = open_notebook.interrupt_after(sent, "Waiting for ")

    (error,) = [content for kind, content in outputs if kind == "error"]
    assert (reply["status"], error["ename"]) == ("error", "KeyboardInterrupt")
    assert error["evalue"].startswith("This cell was not run: it waited for “import time;")
    assert len(error["traceback"]) == 2
    reply, outputs = open_notebook.run("%gpu_output")
    assert (reply["status"], printed(outputs)) == ("ok", "the whole time\n")


def test_gpu_interrupt_names_what_it_interrupts_and_what_runs_next(open_notebook):
    open_notebook.run("%%gpu --background\nimport time; time.sleep(600)")
    open_notebook.run("%%gpu --background\nprint('next')")

    _, outputs = open_notebook.run("%gpu_interrupt")

    assert "“import time; time.sleep(600)” on gpu was interrupted" in shown(outputs)
    assert "“print('next')” runs next" in shown(outputs)
    reply, outputs = open_notebook.run("%gpu_output")
    assert (reply["status"], printed(outputs)) == ("ok", "next\n")
    reply, _ = open_notebook.run("%gpu_output 2")
    assert reply["ename"] == "KeyboardInterrupt"
    _, outputs = open_notebook.run("%gpu_interrupt")
    assert "No cell is running on gpu." in shown(outputs)


def test_the_second_stop_ends_the_wait_for_a_cell_that_ignores_the_first(open_notebook):
    stubborn = (
        "%%gpu\nimport time\nprint('begun')\nends = time.time() + 4\n"
        "while time.time() < ends:\n"
        "    try:\n        time.sleep(.1)\n"
        "    except KeyboardInterrupt:\n        print('not yet')\n"
        "print('at last')"
    )
    sent = open_notebook.send(stubborn)
    open_notebook.until(sent, lambda outputs: "begun" in printed(outputs))
    open_notebook.manager.interrupt_kernel()
    open_notebook.until(sent, lambda outputs: "not yet" in printed(outputs))

    open_notebook.manager.interrupt_kernel()
    reply, outputs = open_notebook.answer(sent)

    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert "interrupted twice" in reply["evalue"]
    later = open_notebook.until(sent, lambda outputs: "at last" in printed(outputs))
    assert printed(outputs + later).count("not yet") == 1
    _, outputs = open_notebook.run("%gpu_output")
    assert re.fullmatch(r"begun\n(not yet\n)+at last\n", printed(outputs))


def test_the_debugger_of_the_gpu_kernel_answers_in_a_cell(open_notebook):
    open_notebook.run("%%gpu\ndef f(secret):\n    return 1 / 0\nf(secret=41)")
    sent = open_notebook.send("%%gpu\n%debug", allow_stdin=True)
    asked = []

    for typed in ("p secret + 1", "q"):
        asked.append(open_notebook.client.get_stdin_msg(timeout=SECONDS)["content"]["prompt"])
        open_notebook.client.input(typed)
    reply, outputs = open_notebook.answer(sent)

    assert reply["status"] == "ok"
    assert asked == ["ipdb> ", "ipdb> "]
    assert "42" in printed(outputs)


def test_input_that_no_front_end_answers_fails_and_the_next_cell_runs(open_notebook):
    reply, _ = open_notebook.run("%%gpu\nx = input('x? ')", allow_stdin=False)
    assert reply["ename"] == "StdinNotImplementedError"

    reply, outputs = open_notebook.run("%%gpu\nprint('next')", allow_stdin=False)
    assert (reply["status"], printed(outputs)) == ("ok", "next\n")


def test_whatever_ends_a_cell_here_ends_it_there(open_notebook):
    """The input of a front end that breaks off; the GPU kernel would wait for it for ever."""
    broken = (
        "import builtins\nreal, builtins.input = builtins.input, lambda prompt: 1 / 0\n"
        "try:\n    get_ipython().run_cell_magic('gpu', '', 'x = input()')\n"
        "finally:\n    builtins.input = real"
    )
    reply, _ = open_notebook.run(broken)
    assert reply["ename"] == "ZeroDivisionError"

    reply, outputs = open_notebook.run("%%gpu\nprint('next')")
    assert reply["status"] == "ok"
    assert "next\n" in printed(outputs)


def test_a_notebook_whose_kernel_died_shows_the_rest_of_its_cell(open_notebook):
    cell = "%%gpu\nimport time\nfor n in range(5): print('line', n, flush=True); time.sleep(0.5)"
    sent = open_notebook.send(cell)
    open_notebook.until(sent, lambda outputs: "line 1\n" in printed(outputs))

    open_notebook.die_and_restart()
    _, outputs = open_notebook.run("%gpu_output")

    text = "".join(f"line {n}\n" for n in range(5))
    assert f"Of “import time”:\n{text}" in printed(outputs)


def test_nbclient_stops_at_an_input_and_leaves_the_gpu_kernel_free(notebook, monkeypatch):
    monkeypatch.setenv("DL_MAGICS_HOME", str(notebook))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    cells = ["%load_ext dl_magics\n%gpu_connect", "%%gpu\nx = input('x? ')", "%%gpu\nprint('next')"]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])

    NotebookClient(document, timeout=SECONDS, allow_errors=True).execute()

    _, asks, after = [cell.outputs for cell in document.cells]
    assert asks[-1].ename == "StdinNotImplementedError"
    assert [output.text for output in after] == ["next\n"]


def test_a_stopped_instance_is_refused_at_once_and_found_again_after_its_start(open_notebook):
    open_notebook.run("x = 1")
    open_notebook.run("%%gpu --background\nimport time; time.sleep(600)")
    open_notebook.run("%aws_stop")

    # Nobody interrupts these cells. The first may come before the link has noticed the stop.
    replies = [
        open_notebook.run(cell)[0]
        for cell in (
            "%%gpu\nran = 1",
            "%%gpu -i x\nran = 1",
            "%gpu_output",
            "%gpu_restart",
            "%gpu_log",
        )
    ]

    assert {reply["ename"] for reply in replies} == {"WrongState"}
    assert all("gpu is stopped: it must be running." in reply["evalue"] for reply in replies)
    assert open_notebook.run("%aws_start -y")[0]["status"] == "ok"
    reply, _ = open_notebook.run("%%gpu\nran")
    assert reply["ename"] == "KernelDied"
    assert open_notebook.run("%gpu_connect")[0]["status"] == "ok"
    reply, _ = open_notebook.run("%%gpu\nran")
    assert reply["ename"] == "NameError"


def test_a_restarted_notebook_says_that_its_gpu_kernel_lost_its_variables(open_notebook):
    open_notebook.run("%%gpu\nkept = 1")
    open_notebook.run("%aws_stop")
    open_notebook.run("%aws_start -y")
    open_notebook.die_and_restart()

    _, outputs = open_notebook.run("%%gpu\nprint('kept' in dir())")

    assert printed(outputs).endswith("False\n")
    assert "The GPU kernel on gpu had ended: a new one, without variables." in shown(outputs)

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import nbformat
import numpy as np
import pytest
from IPython.core.completer import provisionalcompleter

from dl_magics import errors
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.magics.display.remote_error import GpuError
from dl_magics.ssh import blocking, connection
from support.ec2_client import until
from support.kernel import another_host_answers, replace_kernels


@pytest.fixture
def run(gpu_run):
    return gpu_run


def test_a_cell_runs_there_and_prints_here(run, capsys):
    run("%%gpu\nimport os, sys\nprint(os.environ['HOME'])\nprint('oh', file=sys.stderr)")

    shown = capsys.readouterr()
    assert "instances/i-" in shown.out
    assert shown.err == "oh\n"


def test_names_stay_there_from_cell_to_cell(run, capsys):
    run("%%gpu\nkept = 41")
    run("%%gpu\nkept + 1")

    assert "42" in capsys.readouterr().out
    assert "kept" not in run.shell.user_ns


def test_variables_go_there_and_come_back(run):
    run.shell.push({"x": np.arange(6.0).reshape(2, 3), "names": ("cat", "dog")})

    run("%%gpu -i x, names -o y,back\ny = x @ x.T\nback = {name: len(name) for name in names}")

    assert run.shell.user_ns["y"].tolist() == [[5.0, 14.0], [14.0, 50.0]]
    assert run.shell.user_ns["back"] == {"cat": 3, "dog": 3}


def test_a_variable_that_cannot_cross_is_refused_by_its_name(run):
    run.shell.push({"door": threading.Lock()})

    with pytest.raises(errors.BadValue, match=r"door is or contains a _thread\.lock"):
        run("%%gpu -i door\n1")
    with pytest.raises(errors.BadValue, match="nothing is not defined"):
        run("%%gpu -i nothing\n1")
    with pytest.raises(errors.BadValue, match="model is or contains a"):
        run("%%gpu -o model\nmodel = object()")
    with pytest.raises(errors.BadValue, match="missing is not defined"):
        run("%%gpu -o missing\n1")


def test_a_named_tuple_keeps_the_class_of_the_notebook_that_receives_it(run):
    run("from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\np = Point(1, 2)")

    run("%%gpu -i p -o q,there\nq = p._replace(x=5)\nthere = type(p).__name__")

    assert run.shell.user_ns["q"] == (5, 2)
    assert type(run.shell.user_ns["q"]) is run.shell.user_ns["Point"]
    assert run.shell.user_ns["there"] == "Point"


@pytest.mark.parametrize("option", ["-i", "-o"])
def test_names_that_ipython_needs_are_refused_before_the_cell_runs(run, option, capsys):
    with pytest.raises(errors.BadValue, match="get_ipython belongs to IPython"):
        run(f"%%gpu {option} x,get_ipython\nprint('ran')")

    assert "ran" not in capsys.readouterr().out


HOSTILE = """%%gpu
from dl_magics.core.serialization import value_file
honest = value_file.write_values
def write_values(path, values):
    honest(path, {**values, "cleanup": "rm -rf ~", "get_ipython": "gone"})
value_file.write_values = write_values
"""


def test_an_instance_that_answers_with_other_names_changes_nothing_here(run):
    run.shell.push({"cleanup": "ls"})
    run("%%gpu -o z\nz = 1")
    run(HOSTILE)

    with pytest.raises(errors.BadValue, match="Asked for z, but 'z', 'cleanup', 'get_ipython'"):
        run("%%gpu -o z\nz = 2")

    names = run.shell.user_ns
    assert (names["z"], names["cleanup"]) == (1, "ls")
    assert names["get_ipython"]() is run.shell
    run("%gpu_restart")
    run("%%gpu -o z\nz = 3")
    assert names["z"] == 3


def test_an_error_there_fails_the_cell_here_with_its_traceback(run):
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$") as failed:
        run("%%gpu\ndef f():\n    return 1 / 0\nf()")

    assert isinstance(failed.value, GpuError)
    assert any("return" in line for line in failed.value._render_traceback_())


def test_an_interrupt_ends_the_cell_there_and_its_names_stay(run, capsys):
    def interrupt():
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run("%%gpu\nimport time\nbefore = 1\nfor _ in range(600):\n    time.sleep(0.1)")
    run("%%gpu\nbefore")

    assert "1" in capsys.readouterr().out


def test_a_cell_that_is_interrupted_before_its_code_starts_ends(run, capsys):
    run(
        "%%gpu\nkernel = get_ipython().kernel\nreal = kernel.do_execute\n"
        "def interrupted(*args, **options):\n"
        "    kernel.do_execute = real\n    raise KeyboardInterrupt\n"
        "kernel.do_execute = interrupted"
    )

    with pytest.raises(KeyboardInterrupt, match="before its code started"):
        run("%%gpu\nprint('never')")

    capsys.readouterr()
    run("%%gpu\nprint('next')")
    assert capsys.readouterr().out == "next\n"


def test_input_is_asked_here_and_answered_there(run, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda prompt: f"{prompt}Ada")

    run("%%gpu\nprint('hello', input('Who? '))")

    assert "hello Who? Ada" in capsys.readouterr().out


def test_a_cell_in_the_background_shows_later_what_it_printed(run, capsys):
    said = run("%%gpu --background\nfor n in range(3): print('line', n)")
    capsys.readouterr()

    run("%gpu_output")
    first = capsys.readouterr().out
    run("%gpu_output")

    assert "%gpu_output" in said
    assert first == capsys.readouterr().out == "line 0\nline 1\nline 2\n"


def test_output_that_came_while_the_notebook_was_away_is_shown_once(run, capsys):
    run(
        "%%gpu\nimport asyncio\nasync def later():\n    await asyncio.sleep(1); print('late')\n"
        "task = asyncio.create_task(later())"
    )
    notebook_kernel.detach()
    run("%%gpu -o ended\nawait task; ended = True")
    capsys.readouterr()

    with suppress(errors.NoSuchRun):
        run("%gpu_output")
    first = capsys.readouterr().out
    with suppress(errors.NoSuchRun):
        run("%gpu_output")

    assert "late\n" in first
    assert "late\n" not in capsys.readouterr().out


def test_a_cell_goes_on_while_another_host_answers_and_the_next_one_runs(
    run, host_home, running_cloud, capsys
):
    cell = "%%gpu\nimport time\nprint('before')\ntime.sleep(3)\nprint('after')\nkept = 'kept'"
    failed = []
    waiting = threading.Thread(target=lambda: failed.append(refusal_of(run, cell)))
    waiting.start()
    until(lambda: notebook_kernel.current().client.state == "busy")

    with another_host_answers(host_home, running_cloud):
        alias = notebook_kernel.current().host.alias
        until(lambda: blocking.wait_for(connection.drop_shared(alias)) or not waiting.is_alive())
        assert isinstance(refusal_of(run, "%%gpu\n1"), errors.HostKeyRefused)
    until(lambda: not refusal_of(run, "%%gpu -o kept\n1"))
    capsys.readouterr()
    with suppress(errors.NoSuchRun):
        run("%gpu_output")

    assert "%gpu_output" in failed[0].fix
    assert run.shell.user_ns["kept"] == "kept"
    assert "after\n" in capsys.readouterr().out


def refusal_of(run, cell):
    try:
        run(cell)
    except errors.HostKeyRefused as refused:
        return refused


def test_a_background_cell_is_shown_with_what_came_after_its_end(run, capsys):
    run(
        "%%gpu --background\nimport asyncio\nasync def later():\n"
        "    await asyncio.sleep(0.5); print('late')\n"
        "task = asyncio.create_task(later()); print('started')"
    )
    run("%%gpu\nawait task")
    capsys.readouterr()

    run("%gpu_output 1")

    assert capsys.readouterr().out == "started\nlate\n"


@pytest.mark.parametrize("number", ["0", "-1", "99"])
def test_a_number_that_is_no_background_cell_is_refused_with_the_numbers(run, number):
    run("%%gpu --background\n1")

    with pytest.raises(errors.NoSuchRun, match=rf"no background cell {number}: .* has 1 \(the new"):
        run(f"%gpu_output {number}")


def test_the_log_of_the_gpu_kernel_is_a_notebook_that_has_what_came_late(run, tmp_path, capsys):
    run(
        "%%gpu\nimport threading\nprint('early', flush=True)\n"
        "late = threading.Timer(0.5, print, ['late'])\nlate.start()"
    )
    run("%%gpu -o ended\nlate.join(); ended = True")
    file = tmp_path / "run.ipynb"

    said = run(f"%gpu_log -o {file}")

    log = nbformat.read(file, as_version=4)
    nbformat.validate(log)
    assert said == f"Wrote {len(log.cells)} cells to {file}."
    assert log.cells[-1].source == "late.join(); ended = True\n"
    texts = [output.text for cell in log.cells[-2:] for output in cell.outputs]
    assert "".join(texts) == "early\nlate\n"
    assert "late.join()" in repr(run("%gpu_log --last 1"))


def test_after_a_restart_of_the_notebook_its_gpu_kernel_is_found_again(run, capsys):
    run("%%gpu\nsurvivor = 7")
    notebook_kernel.detach()

    run("%%gpu\nprint(survivor)")

    assert capsys.readouterr().out == (
        "Reattached to the GPU kernel on gpu, with its variables.\n7\n"
    )


def test_a_cell_whose_connection_breaks_again_and_again_runs_once_and_loses_no_line(run, capsys):
    run("%%gpu\nran = 0")
    gpu = notebook_kernel.current()
    link, breaks = gpu.client.link, []

    def break_it():
        for _ in range(3):
            until(lambda: link.status.state == "attached")
            blocking.wait_for(connection.drop_shared(gpu.host.alias))
            breaks.append(until(lambda: link.status.state == "lost"))

    cutting = threading.Thread(target=break_it)
    cutting.start()
    run(
        "%%gpu -o ran\nimport time\nran += 1\n"
        "for n in range(40): print('line', n, flush=True); time.sleep(0.05)"
    )
    cutting.join()

    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith("line ")] == [f"line {n}" for n in range(40)]
    assert run.shell.user_ns["ran"] == 1
    assert breaks == [True, True, True]


def test_a_restart_of_the_gpu_kernel_forgets_its_names(run):
    run("%%gpu\nforgotten = 1")

    run("%gpu_restart")

    with pytest.raises(NameError, match="forgotten"):
        run("%%gpu\nforgotten")


def test_a_cell_on_a_dead_gpu_kernel_fails_and_does_not_wait(run, capsys):
    with pytest.raises(errors.KernelDied, match="killed"):
        run("%%gpu\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    for _ in range(2):
        with pytest.raises(errors.KernelDied, match="killed"):
            run("%%gpu\n1")

    run("%gpu_restart")
    capsys.readouterr()
    run("%%gpu\nprint('again')")
    assert capsys.readouterr().out == "again\n"


def test_a_background_cell_of_a_host_that_was_replaced_is_not_waited_for(run, host_home):
    run("%%gpu --background\nimport time\ntime.sleep(600)")
    notebook_kernel.detach()
    replace_kernels(host_home)

    run("%gpu_connect")
    with pytest.raises((errors.KernelDied, errors.OutputLost), match="replaced") as lost:
        run("%gpu_output")

    assert "run the cell again" in lost.value.fix


def test_a_device_is_in_force_in_each_gpu_kernel_that_starts(run):
    seen = "%%gpu -o seen\nimport os\nseen = os.environ.get('CUDA_VISIBLE_DEVICES')"

    assert "%gpu_restart" in repr(run("%device cpu"))
    run("%gpu_restart")
    run(seen)
    assert run.shell.user_ns["seen"] == "-1"

    run("%device --undo")
    run("%gpu_restart")
    run(seen)
    assert run.shell.user_ns["seen"] is None


def test_a_tab_in_the_cell_asks_the_gpu_kernel(run):
    # Jedi would first parse the types of all of Python, for this host's home is new.
    run("%%gpu\n%config IPCompleter.use_jedi = False\nonly_there = 1")
    text = "%%gpu\nonly_the"

    def matches():
        with provisionalcompleter():
            found = run.shell.Completer.completions(text, len(text))
            return [each.text for each in found if each.text == "only_there"]

    # The first Tab waits for nobody while the kernel gets ready to complete.
    assert until(matches)


def test_another_notebook_has_a_gpu_kernel_of_its_own(run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "other.ipynb")

    with pytest.raises(errors.NotConnected) as refused:
        run("%%gpu\n1")

    assert refused.value.fix == "%gpu_connect"


def test_nothing_to_disconnect_is_no_error(run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "other.ipynb")

    assert "No GPU kernel" in run("%gpu_disconnect")

"""What a `%%gpu` cell displays during failures, with a real sshd."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import threading
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.host.info import Interpreter
from dl_magics.ssh import keys, known_hosts
from support.ec2_client import until
from support.kernel import runner, shell_with_magics

MB = 2**20
OLD_PYTHON = Path(__file__).parents[2] / "build" / "python-3.8" / "bin" / "python"
COUNT = """%%gpu -o n
import os, time
n = 0
while n < 1000 and not os.path.exists({end!r}):
    print("line", n)
    n += 1
    time.sleep(0.05)
"""


@pytest.fixture
def run(lab, monkeypatch, request):
    # Each run folder is new: an agent that is still exiting removes its socket by name.
    monkeypatch.setenv("JPY_SESSION_NAME", request.node.name)
    with connected(lab) as run:
        yield run


@contextmanager
def connected(lab, python=sys.executable):
    """Run a cell in a shell that has a GPU kernel on the lab's instance."""
    typed = f"root@{lab.address}"
    known_hosts.pin_keys(typed, keys.ensure_key_pair("lab-host").public)
    there = Interpreter(path=python, prefix="/", kind="venv", name="ours", python="3")
    identity = str(keys.ensure_key_pair("lab").file)
    notebook_kernel.connect(SshHost(alias=typed, name=typed, identity=identity), there)
    try:
        yield runner(shell_with_magics())
    finally:
        lab.mend()
        notebook_kernel.disconnect(end_kernel=True)
        InteractiveShell.clear_instance()


@pytest.fixture
def run_in_3_8(lab, monkeypatch):
    if not OLD_PYTHON.exists():
        pytest.skip("`make` found no Python 3.8")
    monkeypatch.setenv("JPY_SESSION_NAME", "old.ipynb")
    with connected(lab, str(OLD_PYTHON)) as run:
        yield run


class Read:
    """Run a cell and let other threads read what is displayed meanwhile."""

    def __init__(self, run, cell, meanwhile):
        self.screen = io.StringIO()
        other = threading.Thread(target=meanwhile, args=(self,))
        with redirect_stdout(self.screen):
            other.start()
            run(cell)
        other.join()
        self.lines = self.screen.getvalue().splitlines()

    def sees(self, text):
        until(lambda: text in self.screen.getvalue())


def test_a_cell_shows_that_the_link_is_lost_then_back_and_misses_no_line(lab, run, tmp_path):
    end = tmp_path / "end"
    link = notebook_kernel.current().client.link

    def cut(person):
        person.sees("line 9\n")
        lab.kill_sessions()
        until(lambda: link.status.state == "lost")
        lab.wire("down")
        try:
            person.sees("Reconnecting")
        finally:
            lab.wire("up")
        person.sees("is back")
        end.touch()

    read = Read(run, COUNT.format(end=str(end)), cut)

    gpu = notebook_kernel.current().host.name
    counted = [line for line in read.lines if line.startswith("line ")]
    lost, back = [line for line in read.lines if not line.startswith("line ")]
    assert lost.startswith(f"The connection to {gpu} has been lost for ")
    assert lost.endswith(" s; the cell keeps running. Reconnecting …")
    assert back.startswith(f"The connection to {gpu} is back after ")
    assert back.endswith("; no output was lost.")
    assert read.lines.index(back) == read.lines.index(lost) + 1
    assert counted == [f"line {n}" for n in range(run.shell.user_ns["n"])]
    assert read.lines[-1] == counted[-1]


def test_stop_without_a_connection_interrupts_the_cell_when_it_is_back(lab, run, capsys):
    link = notebook_kernel.current().client.link
    shown = io.StringIO()

    def stop_twice():
        until(lambda: "begun" in shown.getvalue())
        lab.kill_sessions()
        lab.wire("down")
        until(lambda: link.status.state == "lost")
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: "interrupt again" in shown.getvalue())
        os.kill(os.getpid(), signal.SIGINT)

    stopping = threading.Thread(target=stop_twice)
    stopping.start()
    endless = "%%gpu\nimport time\nprint('begun', flush=True)\ntime.sleep(600)"
    with (
        redirect_stdout(shown),
        redirect_stderr(shown),
        pytest.raises(
            KeyboardInterrupt, match=r"There is no connection to .*: the cell goes on there"
        ),
    ):
        run(endless)
    stopping.join()
    lab.wire("up")

    run("%%gpu\nprint('next')")
    assert capsys.readouterr().out.endswith("next\n")


@pytest.fixture
def disk(lab):
    """The disk on which the journal of the GPU kernel lies."""
    with lab.small_disk(".dlm", 4 * MB) as disk:
        yield lab.seen(disk)


def test_a_cell_shows_that_the_disk_is_full_and_misses_no_line(disk, run):
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - MB // 4))

    def make_room(person):
        try:
            person.sees("df -h")
        finally:
            ballast.unlink()

    cell = "%%gpu\nfor n in range(20): print('line', n, 'x' * 50_000, flush=True)"
    read = Read(run, cell, make_room)

    gpu = notebook_kernel.current().host.name
    told = [line for line in read.lines if not line.startswith("line ")]
    assert told == [
        f"The disk of {gpu} is full (no space left on device): the cell keeps running, "
        "and its output is kept until there is free space.",
        "  Free some space on the host to see it · in a terminal on the host: df -h ~",
        f"The disk of {gpu} has free space again.",
    ]
    assert [line for line in read.lines if line.startswith("line ")] == [
        f"line {n} {'x' * 50_000}" for n in range(20)
    ]


def test_variables_round_trip_through_python_3_8(run_in_3_8):
    run_in_3_8.shell.push({"x": [1, 2.5, {"a": (b"bytes", None)}]})

    run_in_3_8("%%gpu -i x -o y,python\nimport sys\ny, python = x * 2, sys.version_info[:2]")

    names = run_in_3_8.shell.user_ns
    assert names["python"] == (3, 8)
    assert names["y"] == names["x"] * 2

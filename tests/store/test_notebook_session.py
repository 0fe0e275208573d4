"""By what a notebook is known, with real kernels, started as each front end starts them."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import papermill
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from dl_magics.store import notebook_session
from support.ec2_client import until

SECONDS = 60
LEAVE = "import os; os.chdir('/')"
NAME = (
    "from dl_magics.store import notebook_session; session = notebook_session.current(); "
    "assert notebook_session.hold(session); print(session.name)"
)


class Kernel:
    """A kernel, started with a command and an environment as a front end does."""

    def __init__(self, folder, *, connection_file="", variables="", **environment):
        self.manager = KernelManager(kernel_name="python3", connection_file=connection_file)
        self.manager.start_kernel(cwd=str(folder), env=os.environ | environment)
        self.client = self._connect()
        self.run(variables)
        self.run("%load_ext dl_magics")

    def _connect(self):
        client = self.manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        return client

    def run(self, cell, client=None):
        printed = []
        reply = (client or self.client).execute_interactive(
            cell,
            timeout=SECONDS,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        assert reply["content"]["status"] == "ok", reply
        return "".join(printed).strip()

    def restart(self):
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=SECONDS)
        self.run("%load_ext dl_magics")

    def kill(self):
        self.manager.signal_kernel(9)
        until(lambda: not self.manager.is_alive())

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def start(tmp_path, monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def one(**options):
        started.append(Kernel(tmp_path, **options))
        return started[-1]

    yield one
    for kernel in started:
        kernel.close()


def test_a_kernel_without_a_session_name_keeps_its_own_in_any_folder_and_after_a_restart(start):
    kernel = start()

    first = kernel.run(NAME)
    elsewhere = kernel.run(f"{LEAVE}\n{NAME}")
    kernel.restart()

    assert first == elsewhere == kernel.run(NAME)


def test_the_same_file_is_the_same_notebook_after_its_kernel_was_killed(start, tmp_path):
    file = str(tmp_path / "a.ipynb")
    first = start(JPY_SESSION_NAME=file)

    assert first.run(NAME) == file
    first.kill()

    assert start(JPY_SESSION_NAME=file).run(NAME) == file


def test_two_kernels_of_one_file_at_a_time_are_two_notebooks(start, tmp_path):
    file = str(tmp_path / "a.ipynb")
    first, second = start(JPY_SESSION_NAME=file), start(JPY_SESSION_NAME=file)

    assert first.run(NAME) == file
    assert second.run(NAME) != file
    assert second.run("print(session.shared_file)") == file
    first.kill()
    assert second.run(f"{LEAVE}\n{NAME}") != file


def test_vs_code_names_the_file_in_the_namespace_of_the_notebook(start, tmp_path):
    file = str(tmp_path / "a.ipynb")
    named = f"__vsc_ipynb_file__ = {file!r}"
    first = start(VSCODE_PID="1", variables=named, connection_file=str(tmp_path / "k1.json"))

    assert first.run(NAME) == file
    # A restart in VS Code is a new process with another connection file.
    first.kill()
    again = start(VSCODE_PID="1", variables=named, connection_file=str(tmp_path / "k2.json"))
    assert again.run(f"{LEAVE}\n{NAME}") == file


def test_a_notebook_of_vs_code_that_is_not_saved_is_known_by_its_kernel(start):
    untitled = "__vsc_ipynb_file__ = 'Untitled-1.ipynb'"
    one = start(VSCODE_PID="1", variables=untitled)
    other = start(VSCODE_PID="2", variables=untitled, JPY_SESSION_NAME="Untitled-1.ipynb")

    names = {one.run(NAME), other.run(NAME)}

    assert len(names) == 2
    assert "Untitled-1.ipynb" not in names


def execute_with_nbclient(notebook, folder):
    return NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()


def execute_with_papermill(notebook, folder):
    nbformat.write(notebook, folder / "in.ipynb")
    return papermill.execute_notebook(
        folder / "in.ipynb", folder / "out.ipynb", cwd=folder, progress_bar=False
    )


@pytest.mark.parametrize("execute", [execute_with_nbclient, execute_with_papermill])
def test_each_execution_is_a_notebook_of_its_own_also_in_one_folder(execute, tmp_path, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    cells = ["%load_ext dl_magics", NAME, f"{LEAVE}\n{NAME}"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}

    def names():
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        done = execute(nbformat.v4.new_notebook(cells=code, metadata=kernel), tmp_path)
        return [cell.outputs[0].text for cell in done.cells if cell.outputs]

    (first, after_cd), (second, _) = names(), names()

    assert first == after_cd != second


def test_jupyter_console_joins_the_notebook_of_its_kernel(start):
    kernel = start()
    name = kernel.run(NAME)
    command = [sys.executable, "-m", "jupyter_console", "--simple-prompt", "--existing"]

    said = subprocess.run(
        [*command, kernel.manager.connection_file],
        input=f"{NAME}\nexit\n",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout

    assert name in said


def test_each_terminal_is_a_session_of_its_own(tmp_path):
    code = f"get_ipython().run_line_magic('load_ext', 'dl_magics')\n{NAME}\n{LEAVE}\n{NAME}"
    script = tmp_path / "typed.ipy"
    script.write_text(code)
    command = [sys.executable, "-m", "IPython", "--quick", "--no-banner", str(script)]

    def names():
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout
        return said.split()

    (first, after_cd), (second, _) = names(), names()

    assert first == after_cd != second


def test_the_number_of_a_process_in_the_name_of_a_connection_file_identifies_no_kernel():
    one, other = (notebook_session.build_kernel_id("kernel-77.json", key) for key in (b"1", b"2"))

    assert one != other

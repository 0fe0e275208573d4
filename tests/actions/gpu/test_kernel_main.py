from __future__ import annotations

import os

import pytest
from jupyter_client.manager import KernelManager

from dl_magics.actions.gpu import notebook_kernel

SECONDS = 60


class Notebook:
    """A notebook with the kernel "Python (GPU: gpu)", started as Jupyter starts it."""

    killed = False

    def __init__(self, path):
        alias = notebook_kernel.current().host.alias
        self.manager = KernelManager(kernel_name=f"dl-magics-{alias}")
        environment = {**os.environ, "JPY_SESSION_NAME": path}
        if not path:
            del environment["JPY_SESSION_NAME"]
        self.manager.start_kernel(env=environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def output(self, cell):
        printed = []

        def hear(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(cell, timeout=SECONDS, output_hook=hear)
        return reply["content"].get("ename", ""), "".join(printed)

    def kill(self):
        """Kill the local process without a shutdown request, as the end of the server does."""
        self.killed = True
        self.client.stop_channels()
        self.manager.signal_kernel(9)
        self.manager.cleanup_resources()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture
def open_notebook(gpu_run):
    opened = []

    def one(path="whole.ipynb"):
        opened.append(Notebook(path))
        return opened[-1]

    yield one
    for notebook in opened:
        if not notebook.killed:
            notebook.close()


def test_a_notebook_runs_on_the_instance(open_notebook, host_home):
    assert open_notebook().output("import os; print(os.environ['HOME'])") == ("", f"{host_home}\n")


def test_a_notebook_finds_its_instance_after_another_region_was_selected(
    open_notebook, gpu_run, host_home
):
    gpu_run("%aws_region eu-central-1")

    shown = open_notebook().output("import os; print(os.environ['HOME'])")
    gpu_run("%aws_region us-east-1")

    assert shown == ("", f"{host_home}\n")


def test_a_notebook_reattaches_after_the_jupyter_server_was_killed(open_notebook):
    first = open_notebook()
    first.output("kept = 41")
    first.kill()

    assert open_notebook().output("print(kept + 1)") == ("", "42\n")


def test_two_kernels_of_one_notebook_at_a_time_share_no_gpu_kernel(open_notebook):
    first, second = open_notebook("twice.ipynb"), open_notebook("twice.ipynb")
    first.output("who = 1")
    second.output("who = 2")

    assert first.output("print(who)") == ("", "1\n")


def test_without_a_session_name_a_notebook_keeps_its_gpu_kernel_when_it_is_killed(open_notebook):
    notebook = open_notebook("")
    notebook.output("kept = 41")

    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=SECONDS)

    assert notebook.output("print(kept + 1)") == ("", "42\n")


def test_an_interrupt_from_the_toolbar_reaches_the_cell(open_notebook):
    notebook = open_notebook()
    sent = notebook.client.execute("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    while True:
        message = notebook.client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") != sent:
            continue
        if message["msg_type"] == "stream":
            notebook.manager.interrupt_kernel()
        if message["msg_type"] == "error":
            break

    assert message["content"]["ename"] == "KeyboardInterrupt"


def test_a_notebook_on_a_stopped_instance_says_so_and_heals_after_its_start(open_notebook, gpu_run):
    gpu_run("%aws_stop")

    notebook = open_notebook("stopped.ipynb")
    reply = notebook.client.execute_interactive("1", timeout=SECONDS)["content"]
    assert (reply["ename"], reply["evalue"]) == (
        "WrongState",
        "gpu is stopped: it must be running.",
    )
    assert reply["traceback"][1].startswith("  %aws_start gpu in another notebook")
    assert notebook.client.complete("impor", reply=True, timeout=SECONDS)
    assert notebook.client.is_alive()

    gpu_run("%aws_start -y")
    assert notebook.output("print(6 * 7)") == ("", "42\n")

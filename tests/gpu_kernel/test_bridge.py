from __future__ import annotations

import json
import sys
import threading

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from dl_magics.gpu_kernel.bridge import Bridge
from dl_magics.gpu_kernel.client import GpuKernel
from support.messages import run

PATIENCE = 60


class Bridged:
    """A Jupyter client and a bridge between it and a kernel."""

    def __init__(self, kernel, file):
        write_connection_file(str(file), ip="127.0.0.1", key=b"ours")
        self.status = None
        self._bridge = Bridge(lambda: kernel, json.loads(file.read_text()), "lab")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.client = BlockingKernelClient(connection_file=str(file))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE)

    def _serve(self):
        self.status = self._bridge.run()

    def run(self, code, **more):
        """Run code as a notebook does; return its output."""
        output = []
        self.client.execute_interactive(code, timeout=PATIENCE, output_hook=output.append, **more)
        return "".join(
            one["content"]["text"] for one in output if one["header"]["msg_type"] == "stream"
        )

    def ask(self, channel, kind, content=None):
        session = self.client.session
        channel_of = getattr(self.client, f"{channel}_channel")
        channel_of.send(session.msg(kind, content or {}))
        return channel_of.get_msg(timeout=PATIENCE)

    def ended(self):
        self.client.stop_channels()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.status


@pytest.fixture(scope="module")
def shared(running_lab, run_dir, tmp_path_factory):
    """A bridge shared by all tests that do not end it."""
    with pytest.MonkeyPatch.context() as patch, running_lab.entered():
        patch.setenv("DL_MAGICS_HOME", running_lab.home)
        kernel = GpuKernel.attach(running_lab.login, run_dir, sys.executable)
    bridged = Bridged(kernel, tmp_path_factory.mktemp("bridge") / "connection.json")
    yield bridged
    if bridged.status is None:
        bridged.ask("control", "shutdown_request", {"restart": False})
    bridged.ended()
    kernel.close()


@pytest.fixture
def bridged(lab, shared):
    return shared


@pytest.fixture
def ending(kernel, tmp_path):
    """A bridge that the test ends."""
    ending = Bridged(kernel, tmp_path / "connection.json")
    yield ending
    ending.ended()


def test_a_notebook_runs_its_cells_on_the_host(bridged, kernel):
    assert bridged.run("x = 6 * 7; print(x)") == "42\n"
    assert run(kernel, "print(x)") == "42\n"


def test_loading_our_magics_says_where_the_notebook_runs(bridged):
    said = bridged.run("%load_ext dl_magics\nprint(6 * 7)")

    assert said.startswith("This runs on lab, where dl_magics is not loaded")
    assert said.endswith("42\n")


def test_input_and_completion_work_in_a_notebook(bridged):
    output = bridged.run(
        "print('Hello', input())",
        allow_stdin=True,
        stdin_hook=lambda _: bridged.client.input("Ada"),
    )

    assert output == "Hello Ada\n"
    bridged.run("get_ipython().Completer.use_jedi = False")
    reply = bridged.client.complete("impor", reply=True, timeout=PATIENCE)
    assert "import" in reply["content"]["matches"]


def test_a_widget_sends_its_buffers_both_ways(bridged):
    bridged.run(
        "def opened(comm, message):\n"
        "    comm.on_msg(lambda m: comm.send({}, buffers=[bytes(m['buffers'][0])[::-1]]))\n"
        "get_ipython().kernel.comm_manager.register_target('ours', opened)"
    )
    client, session = bridged.client, bridged.client.session
    opening = {"comm_id": "c", "target_name": "ours", "data": {}}
    client.shell_channel.send(session.msg("comm_open", opening))
    session.send(
        client.shell_channel.socket, "comm_msg", {"comm_id": "c", "data": {}}, buffers=[b"\x00abc"]
    )

    while (message := client.get_iopub_msg(timeout=PATIENCE))["header"]["msg_type"] != "comm_msg":
        pass
    assert [bytes(buffer) for buffer in message["buffers"]] == [b"cba\x00"]


def test_an_interrupt_reaches_the_cell(bridged):
    id_ = bridged.client.execute("import time; print('begun'); time.sleep(600)")
    while bridged.client.get_iopub_msg(timeout=PATIENCE)["header"]["msg_type"] != "stream":
        pass

    assert bridged.ask("control", "interrupt_request")["content"]["status"] == "ok"

    reply = bridged.client.get_shell_msg(timeout=PATIENCE)
    while reply["parent_header"]["msg_id"] != id_:
        reply = bridged.client.get_shell_msg(timeout=PATIENCE)
    assert reply["content"]["ename"] == "KeyboardInterrupt"


def test_a_lost_link_does_not_look_like_a_dead_kernel(bridged, lab, kernel):
    assert bridged.run("print('before')") == "before\n"
    lab.wire("down")
    bridged.client.execute("print('after')")

    assert bridged.client.is_alive()
    lab.wire("up")

    output = ""
    while "after" not in output:
        message = bridged.client.get_iopub_msg(timeout=PATIENCE)
        if message["header"]["msg_type"] == "stream":
            output += message["content"]["text"]
    assert output == "after\n"


def test_a_restart_gives_a_new_kernel_and_ends_the_bridge(ending, kernel):
    ending.run("old = 1")

    reply = ending.ask("control", "shutdown_request", {"restart": True})

    assert reply["content"] == {"status": "ok", "restart": True}
    assert ending.ended() == 0
    assert run(kernel, "print('old' in dir())") == "False\n"


def test_a_dead_kernel_ends_the_bridge(ending):
    ending.client.execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    output = ""
    while "The GPU kernel died" not in output:
        message = ending.client.get_iopub_msg(timeout=PATIENCE)
        if message["header"]["msg_type"] == "stream":
            output += message["content"]["text"]
    assert "memory" in output
    assert ending.ended() == 1


def test_a_shutdown_ends_both(lab, tmp_path):
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    bridged = Bridged(kernel, tmp_path / "connection.json")

    bridged.ask("control", "shutdown_request", {"restart": False})

    assert bridged.ended() == 0
    while lab.running(kernel.run_dir):
        pass

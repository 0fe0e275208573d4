"""A real kernel of a notebook that is connected to a GPU kernel."""

from __future__ import annotations

import os
import signal

import pytest

from support.jupyter import browser
from support.jupyter.browser import SECONDS


class Notebook:
    """A real kernel that is connected to the GPU kernel, and a front end that can answer."""

    def __init__(self, home):
        env = {**os.environ, "DL_MAGICS_HOME": str(home), "JPY_SESSION_NAME": "open.ipynb"}
        self.manager, self.client = browser.start_kernel(env)
        self.run("%load_ext dl_magics\n%gpu_connect")

    def die_and_restart(self):
        """Let the kernel crash, and start it again; Jupyter's restart would interrupt its cell."""
        self.manager.signal_kernel(signal.SIGKILL)
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=SECONDS)
        self.run("%load_ext dl_magics")

    def send(self, cell, **options):
        return self.client.execute(cell, **options)

    def answer(self, sent):
        """Return the reply to a cell and its outputs, as (type, content)."""
        outputs, idle = [], False
        while not idle:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == sent:
                idle = message["content"].get("execution_state") == "idle"
                outputs.append((message["msg_type"], message["content"]))
        while True:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"]["msg_id"] == sent:
                return reply["content"], outputs

    def run(self, cell, **options):
        return self.answer(self.send(cell, **options))

    def until(self, sent, true):
        """Return the outputs of a cell, also after its end, once they fulfil a condition."""
        outputs = []
        while not true(outputs):
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == sent:
                outputs.append((message["msg_type"], message["content"]))
        return outputs

    def interrupt_after(self, sent, text):
        """Press Stop once a cell has shown a text; return its reply and the outputs."""
        before = self.until(sent, lambda outputs: text in shown(outputs))
        self.manager.interrupt_kernel()
        reply, outputs = self.answer(sent)
        return reply, before + outputs


def printed(outputs):
    return "".join(content["text"] for kind, content in outputs if kind == "stream")


def shown(outputs):
    return printed(outputs) + "".join(
        content["data"]["text/plain"] for kind, content in outputs if "data" in content
    )


@pytest.fixture(scope="module")
def open_notebook(notebook):
    opened = Notebook(notebook)
    yield opened
    opened.client.stop_channels()
    opened.manager.shutdown_kernel(now=True)

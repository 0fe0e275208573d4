"""Two kernels and a panel change the same instance at the same time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from jupyter_client.manager import start_new_kernel

from dl_magics.actions.aws import context

PANEL = """
import sys
from dl_magics.widgets.instances import Panel
panel = Panel(seconds=0.2)
for n, action in enumerate(["stop", "start", "stop"], 1):
    panel.receive_click({"n": n, "id": sys.argv[1], "action": action})
    while panel._at_work:
        panel.refresh()
panel.close()
"""


@pytest.fixture
def kernels(cloud):
    started = [start_new_kernel() for _ in range(2)]
    for _, client in started:
        run_cells(client, "%load_ext dl_magics")
    yield [client for _, client in started]
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_cells(client, *lines):
    """Run each line as a cell; return the status of each and the result of the last one."""
    ends, shown = [], []

    def hear(message):
        if message["msg_type"] == "execute_result":
            shown.append(message["content"]["data"]["text/plain"])

    for line in lines:
        reply = client.execute_interactive(line, timeout=120, output_hook=hear)["content"]
        ends.append(reply.get("ename", "ok"))
    return ends, shown[-1:]


def test_two_kernels_and_a_panel_show_the_state_of_ec2(cloud, run, kernels):
    id_ = run("%aws_launch t2.micro -y").id
    lines = [f"%aws_{what}" for what in ("stop", "start -y", "state", "stop", "start -y", "list")]

    with ThreadPoolExecutor() as all_at_once:
        panel = subprocess.Popen([sys.executable, "-c", PANEL, id_])
        ends = list(all_at_once.map(lambda client: run_cells(client, *lines)[0], kernels))
        assert panel.wait() == 0

    assert set(chain(*ends)) <= {"ok", "WrongState"}
    (only,) = [each for each in context.load().ec2.list_instances() if not each.gone]
    assert only.id == id_
    states = {run_cells(client, "%aws_state")[1][0] for client in kernels}
    assert states == {context.load().ec2.describe_instance(id_).state}

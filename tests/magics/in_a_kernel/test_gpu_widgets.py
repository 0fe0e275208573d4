"""Widgets of the GPU kernel in a real kernel: what a front end receives and sends."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from support.jupyter.notebook import SECONDS, printed

VIEW = "application/vnd.jupyter.widget-view+json"
TQDM = "%%gpu\nfrom tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass"
SLIDER = (
    "%%gpu\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=7)\n"
    "seen = []\n"
    "def moved(change):\n    seen.append(change['new']); slider.description = str(seen)\n"
    "slider.observe(moved, 'value')\n"
    "slider"
)
HOSTILE = """%%gpu
from ipykernel.kernelbase import Kernel
kernel = Kernel.instance()
def send(kind, comm_id, **content):
    kernel.session.send(kernel.iopub_socket, kind, {{"comm_id": comm_id, **content}},
                        metadata={{"version": "2.1.0"}}, parent=kernel.get_parent())
stolen = {{"_model_name": "LinkModel", "target": ["IPY_MODEL_{victim}", "value"]}}
send("comm_msg", "{victim}", data={{"method": "update", "state": {{"value": 99}}}})
send("comm_open", "{victim}", target_name="jupyter.widget", data={{"state": {{"value": 99}}}})
send("comm_open", "link", target_name="jupyter.widget", data={{"state": stolen}})
send("comm_open", "control", target_name="jupyter.widget.control", data={{}})
send("comm_close", "{victim}", data={{}})
"""
INTERACT = (
    "%%gpu\nimport ipywidgets\n"
    "interactive = ipywidgets.interactive(lambda n: print('square', n * n), n=(0, 9))\n"
    "interactive"
)


def models(messages):
    """The state of each widget that a front end has after these messages."""
    states = {}
    for message in messages:
        content = message["content"]
        if message["msg_type"] == "comm_open":
            states[content["comm_id"]] = dict(content["data"]["state"])
        elif message["msg_type"] == "comm_msg" and "state" in content["data"]:
            states[content["comm_id"]].update(content["data"]["state"])
        elif message["msg_type"] == "comm_close":
            states.pop(content["comm_id"], None)
    return states


def of_kind(messages, name):
    return {id_: each for id_, each in models(messages).items() if each["_model_name"] == name}


class FrontEnd:
    """Keeps all that a notebook's kernel publishes."""

    def __init__(self, notebook):
        self.notebook = notebook
        self.got = []

    def run(self, cell, **options):
        return self.until_idle(self.notebook.send(cell, **options))

    def until_idle(self, sent):
        begun = len(self.got)
        self.until(
            lambda message: (
                message["parent_header"].get("msg_id") == sent
                and message["content"].get("execution_state") == "idle"
            )
        )
        return self.got[begun:]

    def until(self, true):
        while True:
            message = self.notebook.client.get_iopub_msg(timeout=SECONDS)
            self.got.append(message)
            if true(message):
                return message

    def change(self, id_, **state):
        """Change a widget as a front end does; return the id of the message."""
        client = self.notebook.client
        data = {"method": "update", "state": state, "buffer_paths": []}
        message = client.session.msg("comm_msg", {"comm_id": id_, "data": data})
        client.shell_channel.send(message)
        return message["header"]["msg_id"]


@pytest.fixture
def front_end(open_notebook):
    return FrontEnd(open_notebook)


def displays(messages):
    kinds = ("display_data", "update_display_data")
    return [(each["msg_type"], each["content"]) for each in messages if each["msg_type"] in kinds]


def test_a_bar_of_tqdm_moves_and_its_text_ends_at_100_percent(front_end):
    got = front_end.run(TQDM)

    (kind, first), (_, last) = displays(got)
    assert kind == "display_data"
    assert first["data"][VIEW] == last["data"][VIEW]
    (progress,) = of_kind(got, "FloatProgressModel").values()
    assert (progress["value"], progress["bar_style"]) == (3, "success")
    assert "0%|" in first["data"]["text/plain"]
    assert "100%|" in last["data"]["text/plain"]
    assert first["transient"] == last["transient"]


def test_where_the_server_runs_the_cells_the_last_text_of_a_bar_is_added(front_end):
    (first, shown), (last, added) = displays(front_end.run(TQDM, allow_stdin=False))

    assert (first, last) == ("display_data", "display_data")
    assert "0%|" in shown["data"]["text/plain"]
    assert [*added["data"]] == ["text/plain"]
    assert "100%|" in added["data"]["text/plain"]


def test_a_slider_calls_back_on_the_gpu_kernel_after_its_cell_has_ended(front_end):
    got = front_end.run(SLIDER)
    ((id_, state),) = of_kind(got, "IntSliderModel").items()

    sent = front_end.change(id_, value=40)
    changed = front_end.until(lambda message: "description" in str(message["content"].get("data")))

    assert state["value"] == 7
    assert changed["content"]["data"]["state"]["description"] == "[40]"
    assert changed["parent_header"]["msg_id"] == sent
    assert "[40]" in printed(
        [(each["msg_type"], each["content"]) for each in front_end.run("%%gpu\nprint(seen)")]
    )


def test_what_a_callback_prints_is_caught_by_its_output_widget(front_end):
    got = front_end.run(INTERACT)
    (slider,) = of_kind(got, "IntSliderModel")
    (output,) = of_kind(got, "OutputModel")

    sent = front_end.change(slider, value=9)
    square = front_end.until(lambda message: "square 81" in message["content"].get("text", ""))
    front_end.until(lambda message: message["content"].get("comm_id") == output)

    assert square["parent_header"]["msg_id"] == sent
    caught = [
        each["content"]["data"]["state"]["msg_id"]
        for each in front_end.got
        if each["msg_type"] == "comm_msg"
        and each["content"]["comm_id"] == output
        and "msg_id" in each["content"]["data"]["state"]
    ]
    assert caught[-2:] == [sent, ""]
    (cell,) = {
        each["parent_header"]["msg_id"] for each in got if each["msg_type"] == "execute_input"
    }
    assert caught[0] == cell


def test_an_instance_reaches_no_widget_of_the_notebook(front_end):
    got = front_end.run("import ipywidgets\nlocal = ipywidgets.IntSlider(value=1)")
    (victim,) = of_kind(got, "IntSliderModel")

    got = front_end.run(HOSTILE.format(victim=victim))

    assert not [each for each in got if each["msg_type"].startswith("comm_")]
    said = printed([(each["msg_type"], each["content"]) for each in got])
    assert said.count("was refused") == 3
    assert f"its id is that of a widget of this notebook: {victim}" in said
    changed = front_end.change(victim, value=2)
    front_end.until_idle(changed)
    reply = front_end.run("print(local.value)")
    assert "2" in printed([(each["msg_type"], each["content"]) for each in reply])


def test_a_widget_is_replaced_by_its_text_when_the_gpu_kernel_is_restarted(front_end):
    ((_, shown),) = displays(front_end.run(SLIDER))
    got = front_end.run("%gpu_restart")

    replaced = [content for kind, content in displays(got) if kind == "update_display_data"]
    assert shown["transient"] in [content["transient"] for content in replaced]
    assert all("text/plain" in content["data"] for content in replaced)
    assert not any(VIEW in content["data"] for content in replaced)
    assert models(front_end.got) == {}


def test_in_a_terminal_a_bar_is_text_that_ends_at_100_percent(gpu_run, capsys):
    gpu_run(TQDM)

    shown = capsys.readouterr().out
    assert shown.index("  0%|") < shown.index("100%|")
    assert shown.count("%|") == 2


def test_an_executed_notebook_has_the_last_text_and_the_states_of_its_widgets(
    notebook, monkeypatch
):
    monkeypatch.setenv("DL_MAGICS_HOME", str(notebook))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    cells = ["%load_ext dl_magics\n%gpu_connect", TQDM]
    document = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])

    NotebookClient(document, timeout=SECONDS).execute()

    (bar,) = document.cells[1].outputs
    assert "100%|" in bar["data"]["text/plain"]
    states = document.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert bar["data"][VIEW]["model_id"] in states

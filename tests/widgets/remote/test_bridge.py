from __future__ import annotations

from types import SimpleNamespace

import comm
import ipywidgets
import pytest
from comm.base_comm import CommManager

from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.widgets.remote import bridge as bridge_module
from dl_magics.widgets.remote.bridge import WidgetBridge
from dl_magics.widgets.remote.views import VIEW

CELL = {"header": {"msg_id": "local cell"}, "content": {}}
LATER = {"header": {"msg_id": "local later"}, "content": {}}


class FrontEnd:
    """The session of an ipykernel: keeps what it sends to the front end."""

    def __init__(self):
        self.got = []

    def send(self, socket, kind, content, *, parent, metadata, ident, buffers):
        self.got.append(SimpleNamespace(kind=kind, content=content, parent=parent, buffers=buffers))

    def kinds(self):
        return [each.kind for each in self.got]


class Comm(comm.base_comm.BaseComm):
    """A comm whose messages go to a front end."""

    newest: FrontEnd

    def __init__(self, *args, **options):
        # A comm of an earlier test may be closed by the garbage collector.
        self.front_end = Comm.newest
        super().__init__(*args, **options)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        content = {"data": data, "comm_id": self.comm_id, **keys}
        self.front_end.got.append(
            SimpleNamespace(kind=msg_type, content=content, parent=None, buffers=buffers)
        )


@pytest.fixture
def front_end(monkeypatch):
    shown, manager = FrontEnd(), CommManager()
    monkeypatch.setattr(Comm, "newest", shown, raising=False)
    monkeypatch.setattr(comm, "get_comm_manager", lambda: manager)
    monkeypatch.setattr(comm, "create_comm", Comm)
    return shown


@pytest.fixture
def sent():
    return []


@pytest.fixture
def bridge(front_end, sent):
    kernel = SimpleNamespace(
        session=front_end, iopub_socket=None, get_parent=lambda channel="shell": LATER
    )
    return WidgetBridge(kernel, sent.append)


def take(bridge, kind, comm_id="slider", *, parent="cell", buffers=(), channel="iopub", **content):
    message = {
        "header": {"msg_type": kind},
        "parent_header": {"msg_id": parent},
        "metadata": {"version": "2.1.0"},
        "content": {"comm_id": comm_id, **content} if kind.startswith("comm") else content,
        "buffers": list(buffers),
    }
    return bridge.take(JournalEntry(1, 0.0, channel, message))


def tell(bridge, event):
    bridge.take(JournalEntry(1, 0.0, "agent", {"event": event}))


def open_widget(bridge, comm_id="slider", target="jupyter.widget", **state):
    state = {"_model_name": "IntSliderModel", "_model_module": "@jupyter-widgets/controls"} | state
    take(bridge, "comm_open", comm_id, target_name=target, data={"state": state})


def hear(comm_id, msg_id="moved", **state):
    """Let the front end change a widget."""
    message = {
        "header": {"msg_id": msg_id, "msg_type": "comm_msg"},
        "content": {"comm_id": comm_id, "data": {"method": "update", "state": state}},
    }
    comm.get_comm_manager().comm_msg(None, "", message)


def display_of(model_id, text="IntSlider(value=7)"):
    return {"data": {VIEW: {"model_id": model_id}, "text/plain": text}, "metadata": {}}


def request_states(front_end):
    """Let the front end be reloaded; return the states and buffers that it gets."""
    manager = comm.get_comm_manager()
    opening = {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}
    manager.comm_open(None, "", {"content": opening, "metadata": {"version": "1.0.0"}})
    asked = {"comm_id": "control", "data": {"method": "request_states"}}
    manager.comm_msg(None, "", {"content": asked})
    return front_end.got[-1]


def test_a_widget_is_opened_here_under_its_id_and_changed(bridge, front_end):
    open_widget(bridge, value=7)
    taken = take(bridge, "comm_msg", data={"method": "update", "state": {"value": 8}})

    opened, changed = front_end.got
    assert taken
    assert (opened.kind, changed.kind) == ("comm_open", "comm_msg")
    assert opened.content["target_name"] == "jupyter.widget"
    assert {each.content["comm_id"] for each in front_end.got} == {"slider"}
    assert changed.content["data"] == {"method": "update", "state": {"value": 8}}


def test_what_the_front_end_changes_goes_to_the_gpu_kernel_and_its_answer_names_the_cause(
    bridge, front_end, sent
):
    open_widget(bridge)
    hear("slider", value=9)
    take(bridge, "comm_msg", parent="moved", data={"method": "echo_update", "state": {"value": 9}})
    take(bridge, "stream", parent="moved", name="stdout", text="now 9\n")

    (message,) = sent
    assert message["content"]["data"]["state"] == {"value": 9}
    echo, printed = front_end.got[1:]
    assert echo.parent["header"]["msg_id"] == printed.parent["header"]["msg_id"] == "moved"
    assert printed.content == {"name": "stdout", "text": "now 9\n"}


def test_the_next_change_waits_until_the_gpu_kernel_is_idle(bridge, sent):
    open_widget(bridge)
    hear("slider", "1", value=1)
    hear("slider", "2", value=2)
    before = len(sent)
    take(bridge, "status", parent="1", execution_state="busy")
    take(bridge, "status", parent="1", execution_state="idle")

    assert (before, len(sent)) == (1, 2)


def test_a_cell_carries_the_messages_of_all_widgets_in_their_order(bridge, front_end):
    carried = []
    bridge.carry_with(SimpleNamespace(id="cell", put=carried.append))
    open_widget(bridge)
    take(bridge, "comm_msg", parent="an earlier cell", data={"method": "custom"})

    assert front_end.got == []
    for message in carried:
        bridge.apply(message)
    assert front_end.kinds() == ["comm_open", "comm_msg"]


def test_a_closed_widget_is_closed_on_the_other_side(bridge, front_end, sent):
    open_widget(bridge, "a")
    open_widget(bridge, "b")
    take(bridge, "comm_close", "a", data={})
    manager = comm.get_comm_manager()
    closing = {"header": {"msg_id": "1", "msg_type": "comm_close"}, "content": {"comm_id": "b"}}
    manager.comm_close(None, "", {**closing, "content": {"comm_id": "b", "data": {}}})

    assert front_end.kinds() == ["comm_open", "comm_open", "comm_close"]
    assert [message["header"]["msg_type"] for message in sent] == ["comm_close"]
    assert bridge.models == {}
    assert manager.comms == {}


def test_a_reloaded_page_gets_the_widgets_of_both_kernels_in_their_last_state(bridge, front_end):
    local = ipywidgets.IntSlider(value=3)
    open_widget(bridge, "image", value={}, width=1)
    paths = [["value", "data"]]
    data = {"method": "update", "state": {"value": {}}, "buffer_paths": paths}
    for content in (b"old", b"new"):
        take(bridge, "comm_msg", "image", data=data, buffers=[content])
    hear("image", width=2)

    answer = request_states(front_end)

    states, paths = answer.content["data"]["states"], answer.content["data"]["buffer_paths"]
    assert states[local.model_id]["state"]["value"] == 3
    assert states["image"]["model_name"] == "IntSliderModel"
    assert states["image"]["state"]["width"] == 2
    assert dict(zip(map(tuple, paths), answer.buffers, strict=True)) == {
        ("image", "state", "value", "data"): b"new"
    }


@pytest.mark.parametrize("event", ["kernel_died", "kernel_started", "shutdown", None])
def test_at_the_end_of_its_kernel_a_widget_is_replaced_by_its_text(bridge, front_end, event):
    open_widget(bridge)
    shown = bridge.prepare(display_of("slider"))
    tell(bridge, event) if event else bridge.take(None)

    replaced, closed = front_end.got[1:]
    assert (replaced.kind, closed.kind) == ("update_display_data", "comm_close")
    assert replaced.content["data"] == {"text/plain": "IntSlider(value=7)"}
    assert replaced.content["transient"] == shown["transient"]
    assert comm.get_comm_manager().comms == {}


def test_an_output_widget_catches_the_output_of_the_local_cell_and_of_callbacks(bridge, front_end):
    carried = []
    bridge.carry_with(SimpleNamespace(id="remote cell", put=carried.append))
    bridge._kernel.get_parent = lambda channel="shell": CELL
    bridge.carry_with(SimpleNamespace(id="cell", put=bridge.apply))
    open_widget(bridge, "output")
    open_widget(bridge, "slider")
    hear("slider", "moved")
    caught = []
    for id_ in ("cell", "moved", "unknown", ""):
        take(bridge, "comm_msg", "output", data={"method": "update", "state": {"msg_id": id_}})
        caught.append(front_end.got[-1].content["data"]["state"]["msg_id"])

    assert caught == ["local cell", "moved", "", ""]


def test_an_instance_has_no_access_to_the_widgets_of_this_notebook(bridge, front_end, capsys):
    victim = ipywidgets.Button(description="Terminate")
    front_end.got.clear()
    before = dict(comm.get_comm_manager().comms)

    open_widget(bridge, victim.model_id)
    take(bridge, "comm_msg", victim.model_id, data={"method": "update", "state": {"a": 1}})
    take(bridge, "comm_close", victim.model_id, data={})
    open_widget(bridge, "link", source=["IPY_MODEL_" + victim.model_id, "value"])
    open_widget(bridge, "box")
    children = {"children": ["IPY_MODEL_" + victim.model_id]}
    take(bridge, "comm_msg", "box", data={"method": "update", "state": children})
    open_widget(bridge, "other", target="jupyter.widget.control")

    assert front_end.kinds() == ["comm_open"]
    assert front_end.got[0].content["comm_id"] == "box"
    assert VIEW not in bridge.prepare(display_of(victim.model_id))["data"]
    assert {**before, "box": bridge._comms["box"]} == comm.get_comm_manager().comms
    said = capsys.readouterr().err
    assert "is that of a widget of this notebook" in said
    assert "is not open in this notebook" in said
    assert "only 'jupyter.widget' is passed on" in said


@pytest.mark.parametrize(
    "content",
    [
        {"data": {VIEW: "slider"}},
        {"data": {VIEW: {"model_id": ["slider"]}}},
        {"data": {VIEW: {"model_id": "unknown"}}},
    ],
)
def test_a_view_that_names_no_open_widget_is_left_out(bridge, content):
    open_widget(bridge)

    assert bridge.prepare(content) == {"data": {}}


def test_a_view_gets_a_display_whatever_the_instance_says_of_it(bridge):
    open_widget(bridge)

    prepared = bridge.prepare({"data": {VIEW: {"model_id": "slider"}}, "transient": ["a"]})
    assert [*prepared["transient"]] == ["display_id"]


def test_there_is_a_limit_of_open_widgets(bridge, front_end, capsys, monkeypatch):
    monkeypatch.setattr(bridge_module, "_MAX_COMMS", 3)
    for n in range(9):
        open_widget(bridge, f"w{n}")

    assert len(front_end.got) == 3
    assert capsys.readouterr().err.splitlines() == [
        "A widget message of the GPU kernel was refused: 3 widgets are open; "
        "%gpu_restart closes them."
    ]


def test_messages_of_others_are_left_to_others(bridge, front_end):
    assert not take(bridge, "stream", name="stdout", text="a")
    assert not take(bridge, "status", execution_state="idle")
    assert not take(bridge, "execute_reply", channel="shell", status="ok")
    assert front_end.got == []

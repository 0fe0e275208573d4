from __future__ import annotations

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher

from dl_magics.magics.display import messages
from dl_magics.remote_code.kernel_call import CellAborted


def message(kind, **content):
    return {"header": {"msg_type": kind}, "content": content}


def never(_text):
    raise AssertionError("no input was requested")


@pytest.fixture
def published(shell, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell, "initialized", lambda: True)
    monkeypatch.setattr(InteractiveShell, "instance", lambda *_: shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    return publisher.outputs


def test_text_is_written_to_its_stream(capsys):
    messages.show_messages(
        [
            message("stream", name="stdout", text="loss 0.5\r"),
            message("stream", name="stderr", text="careful\n"),
        ],
        never,
    )

    assert capsys.readouterr() == ("loss 0.5\r", "careful\n")


def test_images_are_published_unchanged_and_can_be_updated(published):
    data = {"image/png": "iVBO", "text/plain": "<Figure>"}
    messages.show_messages(
        [
            message("display_data", data=data, metadata={}, transient={"display_id": "a"}),
            message("update_display_data", data=data, metadata={}, transient={"display_id": "a"}),
        ],
        never,
    )

    assert [shown["data"] for shown in published] == [data, data]
    assert [shown["update"] for shown in published] == [False, True]
    assert published[0]["transient"] == {"display_id": "a"}


def test_a_widget_is_shown_as_plain_text(published):
    data = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        "text/plain": "IntSlider(value=0)",
    }

    messages.show_messages(
        [message("execute_result", data=data, metadata={}, execution_count=1)], never
    )

    assert published[0]["data"] == {"text/plain": "IntSlider(value=0)"}


def test_help_pages_are_shown_as_text(published):
    page = {"source": "page", "data": {"text/plain": "Docstring: …"}}

    messages.show_messages([message("execute_reply", status="ok", payload=[page])], never)

    assert published[0]["data"] == {"text/plain": "Docstring: …"}


@pytest.mark.parametrize("password", [False, True])
def test_typed_input_is_sent_as_the_answer(monkeypatch, password):
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or "typed")
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or "typed")
    answers = []

    messages.show_messages(
        [message("input_request", prompt="Name: ", password=password)], answers.append
    )

    assert (asked, answers) == (["Name: "], ["typed"])


def test_a_cell_that_the_kernel_discarded_says_so():
    failed = messages.show_messages([message("execute_reply", status="aborted")], never)

    assert isinstance(failed, CellAborted)
    assert failed.fix == "Run the cell again."


def test_an_error_that_only_the_reply_has_fails_the_cell():
    sent = message(
        "execute_reply", status="error", ename="KeyboardInterrupt", evalue="", traceback=["…"]
    )

    assert isinstance(messages.show_messages([sent], never), KeyboardInterrupt)

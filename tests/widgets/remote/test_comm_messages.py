from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.widgets.remote.comm_messages import (
    CommRefused,
    find_models,
    parse_message,
)

ID = "0123456789abcdef0123456789abcdef"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def message(kind="comm_open", *, buffers=(), metadata=None, **content):
    content = {
        "comm_id": ID,
        "target_name": "jupyter.widget",
        "data": {"state": {"value": 1}, "buffer_paths": []},
        **content,
    }
    metadata = {"version": "2.1.0"} if metadata is None else metadata
    return {
        "header": {"msg_type": kind},
        "content": content,
        "metadata": metadata,
        "buffers": list(buffers),
    }


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": [value]}
    return value


def test_a_widget_of_ipywidgets_passes_with_its_buffers():
    opened = parse_message(
        message(
            data={"state": {"image": {}, "value": 1}, "buffer_paths": [["image", "data"]]},
            buffers=[b"\x00\x01"],
        )
    )

    assert (opened.comm_id, opened.state) == (ID, {"image": {}, "value": 1})
    assert opened.buffer_paths == [("image", "data")]


def test_a_click_changes_no_state():
    clicked = parse_message(message("comm_msg", data={"method": "custom", "content": {"n": 1}}))

    assert clicked.state == {}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("comm_id is not valid", {"comm_id": 7}),
        ("comm_id is not valid", {"comm_id": "../" * 3}),
        ("comm_id is not valid", {"comm_id": "a" * 129}),
        ("only 'jupyter.widget' is passed on", {"target_name": "jupyter.widget.control"}),
        ("only 'jupyter.widget' is passed on", {"target_name": "matplotlib"}),
        ("version '9.0'", {"metadata": {"version": "9.0"}}),
        ("version None", {"metadata": {}}),
        ("data is not a dict", {"data": [1]}),
        ("state is not a dict", {"data": {"state": "<b>"}}),
        ("buffer_paths is not a list", {"data": {"state": {"a": 1}, "buffer_paths": "ab"}}),
        ("buffer_paths are not valid", {"data": {"state": {"a": 1}, "buffer_paths": [[{}]]}}),
        ("1 buffers and 0 paths", {"buffers": [b"abc"]}),
        ("buffers are not bytes", {"buffers": ["abc"]}),
        ("nested deeper than 200 levels", {"data": {"state": nested(5000)}}),
        ("the limit is 134,217,728", {"data": {"state": {"text": "a" * (129 << 20)}}}),
    ],
)
def test_what_no_widget_sends_is_refused(reason, changes):
    with pytest.raises(CommRefused, match=reason):
        parse_message(message(**changes))


@given(content=st.dictionaries(st.sampled_from(["comm_id", "data", "target_name"]), JSON))
def test_whatever_an_instance_sends_is_a_message_of_a_widget_or_refused(content):
    try:
        checked = parse_message(message(**content))
    except CommRefused:
        return
    assert isinstance(checked.state, dict)
    assert content.get("target_name", "jupyter.widget") == "jupyter.widget"
    assert isinstance(checked.comm_id, str)


def test_the_widgets_are_found_to_which_a_state_refers():
    state = {"layout": "IPY_MODEL_a", "children": ["IPY_MODEL_b", {"IPY_MODEL_c": 1}], "n": 5}

    assert sorted(find_models(state)) == ["a", "b", "c"]

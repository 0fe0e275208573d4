from __future__ import annotations

import pytest

from dl_magics.widgets.remote.outbox import Outbox


@pytest.fixture
def sent():
    return []


@pytest.fixture
def outbox(sent):
    return Outbox(sent.append)


def change(id_, comm="slider", buffers=(), **state):
    return {
        "header": {"msg_id": id_, "msg_type": "comm_msg"},
        "content": {"comm_id": comm, "data": {"method": "update", "state": state}},
        "buffers": [memoryview(each) for each in buffers],
    }


def click(id_, comm="button"):
    data = {"method": "custom", "content": {"event": "click"}}
    return {
        "header": {"msg_id": id_, "msg_type": "comm_msg"},
        "content": {"comm_id": comm, "data": data},
    }


def ids(messages):
    return [message["header"]["msg_id"] for message in messages]


def states(messages):
    return [message["content"]["data"].get("state") for message in messages]


def test_a_dragged_slider_sends_its_first_value_and_then_the_newest(outbox, sent):
    for n in range(100):
        outbox.put(change(str(n), value=n))
    outbox.finish("0")
    outbox.finish("99")

    assert ids(sent) == ["0", "99"]
    assert states(sent) == [{"value": 0}, {"value": 99}]


def test_values_of_different_names_are_sent_together(outbox, sent):
    for n, state in enumerate([{"value": 1}, {"value": 2}, {"max": 9}, {"value": 3}]):
        outbox.put(change(str(n), **state))
    outbox.finish("0")

    assert states(sent) == [{"value": 1}, {"value": 3, "max": 9}]


def test_a_click_comes_after_the_value_before_it_and_each_click_counts(outbox, sent):
    for message in (change("1", value=1), change("2", value=2), click("3"), click("4")):
        outbox.put(message)
    for id_ in ("1", "2", "3"):
        outbox.finish(id_)

    assert ids(sent) == ["1", "2", "3", "4"]


def test_values_of_two_sliders_and_values_with_buffers_are_not_merged(outbox, sent):
    outbox.put(click("0"))
    outbox.put(change("1", value=1))
    outbox.put(change("2", comm="other", value=2))
    outbox.put(change("3", comm="other", buffers=[b"\x00"], data={}))
    for id_ in ("0", "1", "2"):
        outbox.finish(id_)

    assert ids(sent) == ["0", "1", "2", "3"]
    assert sent[-1]["buffers"] == [b"\x00"]


def test_the_end_of_another_message_sends_nothing(outbox, sent):
    outbox.put(click("1"))
    outbox.put(click("2"))
    outbox.finish("something else")

    assert ids(sent) == ["1"]


def test_after_a_gap_in_the_journal_the_next_message_is_sent(outbox, sent):
    outbox.put(click("1"))
    outbox.put(click("2"))
    outbox.finish()

    assert ids(sent) == ["1", "2"]


def test_what_was_not_sent_to_a_kernel_that_ended_is_not_sent_to_the_next_one(outbox, sent):
    outbox.put(click("1"))
    outbox.put(click("2"))
    outbox.clear()
    outbox.put(click("3"))

    assert ids(sent) == ["1", "3"]


def test_the_message_of_the_front_end_is_found_that_caused_one_of_the_kernel(outbox):
    outbox.put(click("1"))

    assert outbox.find_parent("1")["header"]["msg_id"] == "1"
    assert outbox.find_parent("2") is None

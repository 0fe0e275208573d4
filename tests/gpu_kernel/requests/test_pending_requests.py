from __future__ import annotations

import pytest

from dl_magics.errors import KernelDied, OutputLost, WrongState
from dl_magics.gpu_kernel.requests.pending_request import PendingRequest
from dl_magics.gpu_kernel.requests.pending_requests import PendingRequests
from support.messages import asks_for_input, event, printed, reply, sent, status, stream


class Asked:
    """One request, what came late for it, and which requests were interrupted."""

    def __init__(self):
        self.late, self.interrupted = [], []
        self.requests = PendingRequests(self.interrupted.append)
        self.request = self.requests.expect(PendingRequest("a", late=self.late.append))

    def take(self, *entries):
        for entry in entries:
            self.requests.take(entry)


@pytest.fixture
def asked():
    return Asked()


BEGIN = [sent("a"), status("busy", "a"), stream("1", "a")]
END = [reply("a"), status("idle", "a")]


def test_what_comes_after_the_end_is_late_in_the_order_in_which_it_came(asked):
    asked.take(*BEGIN, *END, stream("2", "a"), stream("other", "b"), stream("3", "a"))

    assert printed(asked.request) == "1"
    asked.take(stream("4", "a"))
    assert printed(asked.late) == "234"


def test_a_late_message_waits_until_the_earlier_ones_were_read(asked):
    asked.take(*BEGIN, *END, stream("2", "a"))
    assert asked.late == []

    assert printed(asked.request) == "1"
    assert printed(asked.late) == "2"


def test_a_request_that_was_left_passes_all_that_was_not_read(asked):
    asked.take(*BEGIN)

    asked.request.leave()
    asked.take(stream("2", "a"), *END, stream("3", "a"))

    assert list(asked.request) == []
    assert printed(asked.late) == "123"


def test_a_display_that_fails_does_not_end_the_link(asked, caplog):
    asked.request.late = lambda _message: 1 / 0
    asked.take(*BEGIN, *END)
    list(asked.request)

    asked.take(stream("2", "a"))

    assert "could not be shown" in caplog.text


def test_a_request_that_did_not_want_late_messages_gets_none(asked):
    plain = asked.requests.expect(PendingRequest("b"))
    asked.take(sent("b"), status("busy", "b"), reply("b"), status("idle", "b"), stream("2", "b"))

    assert printed(plain) == ""


def test_messages_up_to_an_entry_are_not_taken_twice(asked):
    later = PendingRequest("c", late=asked.late.append)
    later.leave()
    known, new = stream("known", "c"), stream("new", "c")

    asked.requests.keep(later, since=known.n)
    asked.take(known, new)

    assert printed(asked.late) == "new"


def test_a_cell_that_runs_is_interrupted_now(asked):
    asked.take(*BEGIN)

    asked.requests.interrupt("a")

    assert asked.interrupted == ["a"]


def test_a_queued_cell_is_interrupted_once_when_it_starts(asked):
    asked.take(sent("a"))
    asked.requests.interrupt("a")
    assert asked.interrupted == []

    asked.take(status("busy", "a"), stream("1", "a"))

    assert asked.interrupted == ["a"]


def test_an_input_request_of_a_cell_that_was_left_is_interrupted(asked):
    asked.take(*BEGIN)
    asked.request.leave()

    asked.take(asks_for_input("a"))

    assert asked.interrupted == ["a"]


def test_an_input_request_of_a_cell_that_is_read_is_a_message(asked):
    asked.take(*BEGIN, asks_for_input("a"), *END)

    assert "input_request" in [message["header"]["msg_type"] for message in asked.request]
    assert asked.interrupted == []


def test_a_dead_kernel_ends_a_request_after_what_came(asked):
    asked.take(*BEGIN, event("kernel_died", why="out of memory"))

    assert next(asked.request)["content"] == {"execution_state": "busy"}
    assert next(asked.request)["content"]["text"] == "1"
    with pytest.raises(KernelDied, match="out of memory"):
        next(asked.request)


def test_a_request_to_a_dead_kernel_is_said_not_to_have_run(asked):
    asked.take(event("kernel_died", why="out of memory"), sent("a"))

    with pytest.raises(KernelDied, match=r"The cell was not run: .* stopped: out of memory\."):
        next(asked.request)


def test_a_stopped_instance_ends_also_a_request_that_is_on_its_way(asked):
    stopped = {"why": "gpu is stopped", "stopped": "gpu is stopped.", "fix": "%aws_start"}
    asked.take(event("kernel_died", **stopped))

    with pytest.raises(WrongState, match=r"The cell was not run\. gpu is stopped\.") as refused:
        next(asked.request)
    assert refused.value.fix == "%aws_start"


def test_a_cell_whose_instance_was_terminated_is_not_said_to_start_again_with_it(asked):
    gone = {"why": "gpu is terminated", "stopped": "gpu is terminated.", "fix": "%aws_launch"}
    asked.take(*BEGIN, event("kernel_died", **gone))

    with pytest.raises(KernelDied, match=r"before the cell finished: gpu is terminated\.") as died:
        list(asked.request)
    assert died.value.fix == "%aws_launch"


def test_a_reply_that_never_comes_is_an_interrupt(asked):
    """ipykernel sends none if the interrupt arrives before the code of the cell has started."""
    asked.take(*BEGIN, status("idle", "a"))
    assert asked.requests.lacks_reply("a")

    asked.take(sent("probe"), status("busy", "probe"), reply("probe"), status("idle", "probe"))

    *_, last = asked.request
    assert last["content"]["ename"] == "KeyboardInterrupt"
    assert not asked.requests.waits_for("a")


def test_the_reply_to_an_earlier_request_says_nothing_about_a_later_one(asked):
    asked.take(sent("b"), *BEGIN, status("idle", "a"), reply("b"))
    assert asked.requests.waits_for("a")

    asked.take(reply("a"))

    *_, last = asked.request
    assert last["content"] == {"status": "ok"}


def test_a_request_whose_end_the_journal_has_dropped_is_not_waited_for(asked):
    asked.take(*BEGIN, event("skipped", after=100, to=5000, busy=None))

    with pytest.raises(OutputLost, match="The cell has ended, and its output is not in the journ"):
        list(asked.request)
    assert not asked.requests.waits_for("a")


@pytest.mark.parametrize("busy", ["a", ""])
@pytest.mark.parametrize("to", [50, 5000])
def test_a_request_that_the_kernel_may_run_is_waited_for_after_a_gap(asked, busy, to):
    asked.take(*BEGIN, event("skipped", after=100, to=to, busy=busy), stream("2", "a"), *END)

    assert printed(asked.request) == "12"


def test_a_request_ends_where_the_journal_of_its_host_begins_again(asked):
    asked.take(*BEGIN, event("skipped", after=100, to=3, busy=None))

    with pytest.raises(KernelDied, match="its host was restarted or replaced"):
        list(asked.request)

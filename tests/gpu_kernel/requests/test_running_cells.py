from __future__ import annotations

import pytest

from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.requests.running_cells import (
    TITLE,
    RunningCell,
    RunningCells,
    first_line,
)
from support.messages import event, sent, status, stream


def titles(running):
    return [cell.title for cell in running.cells]


@pytest.fixture
def running():
    """Two cells: one runs, one is queued behind it."""
    running = RunningCells()
    for entry in (sent("a", "import time\ntime.sleep(9)"), status("busy", "a"), sent("b", "2")):
        running.take(entry)
    return running


def test_cells_are_in_the_order_in_which_they_run(running):
    assert titles(running) == ["import time", "2"]

    running.take(stream("text", "a"))
    running.take(status("idle", "a"))

    assert titles(running) == ["2"]


def test_a_cell_on_its_way_is_counted_once(running):
    running.send(RunningCell("c", "3"))
    running.take(sent("c", "3"))

    assert titles(running) == ["import time", "2", "3"]


def test_a_request_can_have_a_title(running):
    running.take(sent("c", "exec('…')", **{TITLE: "%%finetune"}))

    assert titles(running)[-1] == "%%finetune"


def test_a_completion_does_not_end_a_cell(running):
    running.take(status("idle", "completion"))

    assert titles(running) == ["import time", "2"]


@pytest.mark.parametrize("what", ["kernel_died", "kernel_started", "shutdown"])
def test_a_new_kernel_runs_nothing_but_what_is_on_its_way(running, what):
    running.send(RunningCell("c", "3"))

    running.take(event(what))

    assert titles(running) == ["3"]


def test_a_dead_kernel_runs_no_cell_that_is_sent_to_it(running):
    running.take(event("kernel_died"))
    running.send(RunningCell("c", "3"))

    running.take(sent("c", "3"))
    assert titles(running) == []

    running.take(event("kernel_started"))
    running.take(sent("d", "4"))
    assert titles(running) == ["4"]


def test_a_stopped_instance_runs_nothing(running):
    # The link reports it with the number of the last entry.
    last = running.cells[-1].n
    running.send(RunningCell("c", "on its way"))
    stopped = {"event": "kernel_died", "stopped": "gpu is stopped."}

    running.take(JournalEntry(last, 0.0, "agent", stopped))

    assert titles(running) == []


def test_a_new_agent_ends_the_cells_that_were_sent_before_it(running):
    last = running.cells[-1]

    running.take(event("settled", before=last.n))

    assert titles(running) == ["2"]


def test_a_cell_of_an_earlier_client_is_known_by_its_id_alone():
    running = RunningCells("a", 7)
    assert str(running.cells[0]) == "a cell that was sent earlier"

    running.take(status("idle", "a"))

    assert running.cells == ()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x = 1", "x = 1"),
        ("\n\n  x = 1  \ny", "x = 1"),
        ("", ""),
        ("x" * 61, "x" * 59 + "…"),
        ("\x1b[2Jx", r"\x1b[2Jx"),
    ],
)
def test_the_title_is_the_first_line(code, line):
    assert first_line(code) == line

"""A context is loaded once per magic or click, and a start keeps the profile it began with."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dl_magics.actions.aws import context, instances, selection
from dl_magics.errors import NoSuchInstance
from dl_magics.store import state
from dl_magics.widgets.instances import Panel

opened: list[str] | None = None


def _is_state(file: object) -> bool:
    return str(file).endswith(state.FILE_NAME)


@sys.addaudithook
def _note_opened_files(event: str, arguments: tuple[Any, ...]) -> None:
    # A link of an earlier test may still look for its host, in a thread of its own.
    here = threading.current_thread() is threading.main_thread()
    if opened is not None and here and event == "open" and _is_state(arguments[0]):
        opened.append(str(arguments[0]))


@pytest.fixture
def count_reads() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Return how often a call opens the state's file."""
    global opened

    def count(call: Callable[[], object]) -> int:
        global opened
        opened = []
        call()
        return len(opened)

    yield count
    opened = None


@pytest.fixture
def gpu(cloud_with_hosts, rent) -> str:
    id_ = rent(state="stopped")
    current = context.load()
    current.select_instance(current.ec2.describe_instance(id_))
    return id_


@pytest.mark.parametrize(
    "line", ["%aws_start gpu -y", "%aws_start -y", "%aws_stop gpu", "%aws_list"]
)
def test_a_magic_reads_the_state_once(gpu, run, count_reads, line, monkeypatch):
    monkeypatch.setattr(instances.access, "until_ssh_answers", lambda _, __, instance: [instance])

    assert count_reads(lambda: run(line)) == 1


def test_a_click_in_the_panel_reads_the_state_once(gpu, count_reads):
    panel = SimpleNamespace(_notes=[], _at_work=set())
    panel._note = lambda id_, text: panel._notes.append(text)

    assert count_reads(lambda: Panel._connect(panel, gpu)) == 1
    assert panel._notes


def test_a_start_keeps_the_profile_it_began_with(gpu, monkeypatch):
    monkeypatch.setattr(instances.access, "until_ssh_answers", lambda _, __, instance: [instance])
    changes = instances.start(context.load(), "gpu")
    first = next(changes)
    settings = replace(selection.read().profile, region="eu-west-1")
    selection.update(lambda before: replace(before, profile=settings))

    *_, last = changes

    assert (first.state, last.state) == ("stopped", "running")
    assert last.id == gpu
    assert last.zone.startswith("us-east-1")
    with pytest.raises(NoSuchInstance):
        context.load().resolve_instance("gpu")

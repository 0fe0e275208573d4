"""Which instance was stopped to change its type, and not started again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.core.instance import Instance
from dl_magics.errors import DamagedFile
from dl_magics.store import lock, resizes
from dl_magics.store.resizes import Resize

RUNNING = Instance(
    id="i-0123abcd", name="gpu", state="running", type="t2.micro", launched_at=1000.5
)
STOPPED = replace(RUNNING, state="stopped", launched_at=1000.0)


def test_a_stopped_instance_is_unfinished_until_it_is_started_again():
    resizes.begin(RUNNING.id, Resize("g4dn.xlarge", RUNNING.launched_at))

    found = resizes.find_unfinished(STOPPED)
    assert found
    assert found.type == "g4dn.xlarge"
    assert resizes.find_unfinished(replace(STOPPED, state="stopping")) == found
    assert resizes.find_unfinished(replace(STOPPED, id="i-2")) is None
    resizes.end(RUNNING.id)
    assert resizes.find_unfinished(STOPPED) is None


@pytest.mark.parametrize(
    "later",
    [
        RUNNING,  # it was killed before the stop
        replace(STOPPED, launched_at=2000.0),  # another client has started it, then stopped it
        replace(STOPPED, state="terminated"),
    ],
    ids=["runs", "was started", "is gone"],
)
def test_what_another_client_did_since_makes_it_history(later):
    resizes.begin(RUNNING.id, Resize("g4dn.xlarge", RUNNING.launched_at))

    assert resizes.find_unfinished(later) is None


def test_whoever_changes_the_type_is_seen_by_others():
    assert not resizes.is_at_work(RUNNING.id)
    with lock.hold(resizes.lock_name(RUNNING.id)):
        assert resizes.is_at_work(RUNNING.id)


@pytest.mark.parametrize("content", ["{", "[]", '{"i-1": {"color": "red"}}'])
def test_a_damaged_file_is_reported(home, content):
    resizes.begin(RUNNING.id, Resize("g4dn.xlarge", RUNNING.launched_at))
    (home / resizes.FILE_NAME).write_text(content)

    with pytest.raises(DamagedFile, match="cannot be read") as damaged:
        resizes.find_unfinished(STOPPED)

    assert "%aws_list" in damaged.value.fix

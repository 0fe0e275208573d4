"""What an instance tells of a run is not trusted with the rest of this computer."""

from __future__ import annotations

import pytest

from dl_magics.actions.runs import remote_run
from dl_magics.errors import DamagedRun
from dl_magics.runs import log
from dl_magics.runs.events import RunEnded
from dl_magics.runs.state import replay_events
from support import run_events


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "in/side", "..", ""])
def test_a_file_that_would_not_lie_in_the_folder_of_its_run_is_not_fetched(tmp_path, name):
    ended = RunEnded(status="done", files={name: "0" * 64})
    folder = run_events.logged(tmp_path / "run", run_events.story(ended=ended))
    way = {"alias": "i-0gone", "name": "gpu", "identity": None}
    there = remote_run.There(
        way=way, python="", activate="", kernel="", msg_id="", since=0, folder="runs/run"
    )
    remote_run.note(folder, there)

    with pytest.raises(DamagedRun, match="would not lie in its folder") as told:
        remote_run.settle(folder, replay_events(log.read_events(folder)))

    assert name in str(told.value)
    assert not remote_run.is_over(folder)

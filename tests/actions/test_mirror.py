"""What an instance tells of a run is not trusted with the rest of this computer."""

from __future__ import annotations

import pytest

import stories
from dl_magics.actions import mirror
from dl_magics.errors import DamagedRun
from dl_magics.events import RunEnded
from dl_magics.training import log
from dl_magics.training.state import state_of


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "in/side", "..", ""])
def test_a_file_that_would_not_lie_in_the_folder_of_its_run_is_not_fetched(tmp_path, name):
    ended = RunEnded(status="done", files={name: "0" * 64})
    folder = stories.logged(tmp_path / "run", stories.story(ended=ended))
    way = {"alias": "i-0gone", "name": "gpu", "identity": None}
    there = mirror.There(
        way=way, python="", activate="", kernel="", msg_id="", since=0, folder="runs/run"
    )
    mirror.note(folder, there)

    with pytest.raises(DamagedRun, match="would not lie in its folder") as told:
        mirror.settle(folder, state_of(log.read(folder)))

    assert name in str(told.value)
    assert not mirror.is_over(folder)

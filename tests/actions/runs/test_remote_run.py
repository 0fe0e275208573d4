"""remote_run and remote_files; whole remote runs are tested in magics/test_finetune_*.py."""

from __future__ import annotations

import pytest

from dl_magics.actions.runs import remote_run
from dl_magics.errors import DamagedRun
from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from support import run_events


@pytest.mark.parametrize(
    "name",
    [
        *("../outside", "/etc/outside", "in/side", "..", "", "./model.keras", "model.keras/"),
        # These lie in the folder and are ours: another origin would lead to another host.
        *("remote_origin.json", "REMOTE_ORIGIN.json", "events.jsonl", "recipe.json", "report.html"),
        *("head.py", ".bashrc", "model.keras.exe", "MODEL.KERAS"),
    ],
)
def test_a_file_that_no_run_produces_is_not_fetched(tmp_path, name):
    ended = RunEnded(status="done", files={name: "0" * 64})
    folder = run_events.write_log(tmp_path / "run", run_events.make_events(ended=ended))
    host = {"alias": "i-0gone", "name": "gpu", "identity": None}
    origin = RemoteOrigin(
        host=host, python="", activate="", kernel_folder="", msg_id="", since=0, run_folder="run"
    )
    remote_origin.save(folder, origin)
    record = RunRecord(folder)
    record.refresh()

    with pytest.raises(DamagedRun, match="not a file that a run produces") as refused:
        remote_run.fetch_results(record)

    assert name in str(refused.value)
    assert not remote_origin.is_complete(folder)

"""remote_run and remote_files; whole remote runs are tested in magics/test_finetune_*.py."""

from __future__ import annotations

import pytest

from dl_magics.actions.runs import remote_run
from dl_magics.errors import DamagedRun
from dl_magics.runs import remote_origin
from dl_magics.runs.events import PhaseStarted, Progressed, RunEnded
from dl_magics.runs.record import RunRecord
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.runs.state import replay_events
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


def features(kept=0):
    return PhaseStarted(phase="features", total=100, unit="images", kept=kept)


def left(seconds, done=50):
    return Progressed(done=done, total=100, images_per_second=2.0, seconds_left=seconds)


@pytest.mark.parametrize(
    ("story", "is_near"),
    [
        ([], False),
        ([features()], False),
        ([features(), left(3600.0)], False),
        ([features(), left(59.0)], True),
        ([features(), left(0.0, done=100)], True),
        ([features(kept=100)], True),
        ([PhaseStarted(phase="head", total=5, unit="epochs")], True),
        ([PhaseStarted(phase="evaluate", total=20, unit="images")], True),
    ],
)
def test_keras_is_imported_for_the_check_when_the_end_of_the_run_is_near(story, is_near):
    assert remote_run.is_near_end(replay_events(run_events.make_events(*story))) is is_near

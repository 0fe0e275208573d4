from __future__ import annotations

import json

from dl_magics.actions.aws.guard import records
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.store import paths


def test_a_record_of_a_newer_version_is_kept_and_a_damaged_one_is_kept_aside():
    for id_ in ("i-1", "i-2"):
        records.note_limits(id_, GuardLimits(idle_seconds=1800.0))
    file = paths.data_folder() / records.FILE_NAME
    stored = json.loads(file.read_text())
    stored["i-1"]["hung_seconds"] = 1.0
    stored["i-2"]["idle_seconds"] = "soon"
    file.write_text(json.dumps(stored))

    records.note_limits("i-3", GuardLimits(idle_seconds=600.0))

    assert records.read_records().keys() == {"i-1", "i-3"}
    (aside,) = file.parent.glob("guards.damaged-*.json")
    assert "soon" in aside.read_text()

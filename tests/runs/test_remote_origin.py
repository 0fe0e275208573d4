from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dl_magics.errors import DamagedRun
from dl_magics.runs import remote_origin
from dl_magics.runs.remote_origin import RemoteOrigin

HOST = {"alias": "i-1", "name": "gpu", "identity": None}
KERNEL = {
    "python": "/usr/bin/python3",
    "activate": "",
    "kernel_folder": "~/.dlm/1",
    "msg_id": "m1",
    "since": 7,
    "run_folder": ".dl_magics/runs/a",
}
ORIGIN = RemoteOrigin(host=HOST, **KERNEL)


def test_a_saved_origin_is_loaded(tmp_path):
    origin = replace(ORIGIN, kernel_died=True)
    remote_origin.save(tmp_path, origin)

    assert remote_origin.load(tmp_path) == origin
    assert [each.name for each in tmp_path.iterdir()] == ["remote_origin.json"]


def test_a_local_run_has_no_origin(tmp_path):
    assert remote_origin.load(tmp_path) is None
    assert remote_origin.is_complete(tmp_path)
    assert not remote_origin.is_running(tmp_path)


def test_a_remote_run_is_running_until_its_kernel_died_or_all_is_copied(tmp_path):
    for died, complete in ((False, False), (True, False), (False, True), (True, True)):
        origin = replace(ORIGIN, kernel_died=died, is_complete=complete)
        remote_origin.save(tmp_path, origin)
        assert remote_origin.is_running(tmp_path) == (not died and not complete)
        assert remote_origin.is_complete(tmp_path) == complete


def test_the_file_of_the_host_becomes_the_origin_of_another_computer(tmp_path):
    remote_origin.save_on_host(tmp_path, KERNEL)

    remote_origin.adopt(tmp_path, HOST, ORIGIN.run_folder)

    assert remote_origin.load(tmp_path) == ORIGIN


@pytest.mark.parametrize("text", ["", "rain", "{}", "[]", json.dumps({**KERNEL, "color": 1})])
def test_damaged_files_are_named(tmp_path, text):
    for name in (remote_origin.FILE_NAME, remote_origin.KERNEL_FILE_NAME):
        (tmp_path / name).write_text(text)

    with pytest.raises(DamagedRun, match=r"remote_origin\.json cannot be read"):
        remote_origin.load(tmp_path)
    assert not remote_origin.is_running(tmp_path)
    with pytest.raises(DamagedRun, match=r"kernel\.json of the run .* on gpu cannot be read"):
        remote_origin.adopt(tmp_path, HOST, ORIGIN.run_folder)

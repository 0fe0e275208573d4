from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from dl_magics.errors import DamagedFile
from dl_magics.store import paths, state

CELL = state.BackgroundCell(msg_id="1", since=4, cell="print()")
RECORD = state.KernelRecord(
    host={"alias": "i-0"},
    python="/python",
    environment="gpu",
    activate="",
    notebook="a.ipynb",
    title="a.ipynb",
    folder="/home/ada",
)
OTHER = replace(RECORD, notebook="b.ipynb")


def test_without_a_file_nothing_is_selected():
    assert state.read() == state.State()


def test_every_field_is_read_back_as_it_was_written():
    written = state.State(
        profile=state.ProfileSettings(profile="work", region="eu-west-1"),
        profile_before_practice=state.ProfileSettings(),
        allow_from=("203.0.113.0/24",),
        selected_instances={"work · eu-west-1": "i-0"},
        pending_launches={
            "work": state.PendingLaunch(request={"name": "gpu"}, token="abc", region="eu-west-1")
        },
        kernels={"1": RECORD},
        shown={"1": {"session": 7}},
        background_cells={"1": (CELL,)},
    )

    assert state.update(lambda _: written) == written
    assert state.read() == written


def test_a_notebook_is_connected_to_the_last_of_its_gpu_kernels_and_keeps_the_others():
    state.connect_kernel("1", RECORD)
    state.connect_kernel("2", OTHER)

    state.connect_kernel("3", RECORD)

    assert state.read().kernels == {
        "1": replace(RECORD, connected=False),
        "2": OTHER,
        "3": RECORD,
    }


def test_a_gpu_kernel_that_was_shut_down_is_forgotten():
    state.connect_kernel("1", RECORD)
    state.connect_kernel("2", OTHER)

    state.forget_kernel("1")

    assert state.read().kernels == {"2": OTHER}


def test_a_notebook_that_is_disconnected_leaves_the_others_connected():
    state.connect_kernel("1", RECORD)
    state.connect_kernel("2", OTHER)

    state.update(lambda before: state.disconnect_notebook(before, "a.ipynb"))

    assert state.read().kernels == {"1": replace(RECORD, connected=False), "2": OTHER}


def test_only_the_newest_background_cells_are_kept():
    for n in range(4):
        state.add_background_cell("1", replace(CELL, msg_id=str(n)), keep=2)

    assert [cell.msg_id for cell in state.read().background_cells["1"]] == ["2", "3"]


def test_entries_of_notebooks_that_were_not_used_for_long_are_dropped():
    old = time.time() - (state.KEPT_DAYS + 1) * 86_400
    state.connect_kernel("old", replace(RECORD, used_at=old))
    state.add_background_cell("old", replace(CELL, used_at=old), keep=2)

    state.connect_kernel("new", RECORD)

    assert list(state.read().kernels) == ["new"]
    assert state.read().background_cells == {}


@pytest.mark.parametrize(
    "text",
    ["{broken", "[]", "", '{"profile": 3}', '{"version": "x"}', '{"kernels": {"a": {"b": 1}}}'],
)
def test_a_damaged_file_is_set_aside_and_reported_once(text):
    (paths.data_folder() / state.FILE_NAME).write_text(text)

    with pytest.raises(DamagedFile) as raised:
        state.read()

    (aside,) = paths.data_folder().glob("state.damaged-*.json")
    assert str(aside) in str(raised.value)
    assert aside.read_text() == text
    assert state.read() == state.State()


def test_a_file_of_a_newer_version_is_refused_and_left_unchanged():
    text = json.dumps({"version": state.VERSION + 1, "color": "green"})
    (paths.data_folder() / state.FILE_NAME).write_text(text)

    with pytest.raises(DamagedFile, match="newer"):
        state.connect_kernel("1", RECORD)

    assert (paths.data_folder() / state.FILE_NAME).read_text() == text


def test_ten_processes_at_once_lose_no_change():
    code = (
        "import sys; from dataclasses import replace; from dl_magics.store import state;"
        "add = lambda before: {**before.selected_instances, sys.argv[1]: 'i-0'};"
        "state.update(lambda before: replace(before, selected_instances=add(before)))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, f"key{n}"]) for n in range(10)]

    assert [process.wait() for process in started] == [0] * 10
    assert state.read().selected_instances == {f"key{n}": "i-0" for n in range(10)}


def test_the_file_is_for_its_owner_only():
    state.connect_kernel("1", RECORD)

    assert (paths.data_folder() / state.FILE_NAME).stat().st_mode & 0o077 == 0


def test_what_was_shown_is_kept_for_the_newest_clients_of_a_known_kernel():
    state.connect_kernel("1", RECORD)
    state.note_shown("forgotten", {"a": 1}, keep=2)
    for session, n in {"a": 5, "b": 3, "c": 9}.items():
        state.note_shown("1", {session: n}, keep=2)

    assert state.read().shown == {"1": {"a": 5, "c": 9}}

"""Another user of this computer reads, holds and replaces nothing of ours."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dl_magics.actions.runs import runs
from dl_magics.errors import NoFolder, WrongState
from dl_magics.keras_config import atomic_file, cuda_visible_devices
from dl_magics.runs import stop_request
from dl_magics.runs.log import LogWriter
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import ledger, lock, paths, private, state
from dl_magics.training.recipe.recipe import Recipe

TRY_ALL = """
import fcntl, os, sys
for path in sys.argv[1:]:
    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_RDONLY | os.O_DIRECTORY):
        try:
            fcntl.flock(os.open(path, flags), fcntl.LOCK_EX)
        except (PermissionError, NotADirectoryError, IsADirectoryError):
            continue
        print(path)
"""
HOLD = """
import fcntl, os, sys
try:
    fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
except OSError as error:
    print(type(error).__name__, flush=True)
else:
    print("held", flush=True)
sys.stdin.read()
"""
PLANT = """
import os, sys
path, kind, aim = sys.argv[1:]
os.symlink(aim, path) if kind == "link" else os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
"""


@pytest.fixture
def home(open_folder, monkeypatch) -> Path:
    """Our folder, below folders that all users may enter."""
    monkeypatch.setenv("DL_MAGICS_HOME", str(open_folder / "ours"))
    monkeypatch.setenv("HOME", str(open_folder))
    return open_folder / "ours"


def write_one_of_each() -> None:
    with lock.hold("launching"):
        state.update(lambda before: before)
    ledger.append(did="created", what="instance")
    known_hosts.pin_keys("i-1", "ssh-ed25519 AAAA")
    keys.ensure_key_pair("id_ed25519")
    cuda_visible_devices.write_selection(str(paths.data_folder()), "cpu")
    run = runs.create_folder(Recipe(data="photos"))
    with LogWriter(run):
        stop_request.request_stop(run)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777], ids=oct)
def test_all_that_we_write_is_for_its_owner_only(home, other_user, mask):
    before = os.umask(mask)
    try:
        write_one_of_each()
    finally:
        os.umask(before)

    written = [home, *home.rglob("*")]
    assert len(written) > 15
    wider = {
        str(path): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in written
        if stat.S_IMODE(path.lstat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }
    assert not wider
    assert other_user.run(TRY_ALL, *written) == ""


def test_another_user_cannot_hold_our_locks(home, other_user):
    with lock.hold("state"):
        pass
    busy = WrongState("It is busy.", fix="Wait.")

    holder = other_user.start(HOLD, home / "locks" / "state.lock")
    printed = holder.stdout.readline()
    with lock.hold("state", otherwise=busy):
        pass
    holder.communicate()

    assert printed == "PermissionError\n"


def test_another_user_cannot_keep_us_from_changing_the_settings_of_keras(open_folder, other_user):
    """The folder of keras.json keeps its mode: all users may open it, and hold its lock."""
    file = open_folder / ".keras" / "keras.json"
    file.parent.mkdir(mode=0o755)
    holder = other_user.start(HOLD, file.parent)

    def change() -> None:
        with atomic_file.lock_for_change(file):
            atomic_file.replace_text(file, "{}\n")

    try:
        assert holder.stdout.readline() == "held\n"
        with ThreadPoolExecutor() as pool:
            changing = pool.submit(change)
            try:
                changing.result(timeout=30)
            finally:
                holder.communicate()
    finally:
        holder.kill()

    assert file.read_text() == "{}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755
    assert [each.name for each in file.parent.iterdir()] == ["keras.json"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_another_user_put_into_an_open_folder_of_ours_is_refused(home, other_user, kind):
    home.mkdir()
    home.chmod(0o777)
    precious = home.parent / "precious"
    precious.write_text("precious")
    other_user.run(PLANT, home / "ledger.jsonl", kind, precious)

    with pytest.raises(NoFolder, match=r"ledger.jsonl belongs to another user \(uid 65534\)"):
        ledger.append(did="created", what="instance")

    assert precious.read_text() == "precious"


def test_a_folder_of_another_user_is_refused_in_place_of_ours(open_folder, other_user, monkeypatch):
    home = open_folder / "ours"
    open_folder.chmod(0o777)
    other_user.run("import os, sys; os.mkdir(sys.argv[1], 0o777)", home)
    monkeypatch.setenv("DL_MAGICS_HOME", str(home))

    with pytest.raises(NoFolder, match="belongs to another user") as refused:
        state.update(lambda before: before)

    assert f"sudo chown -R $(id -u) '{home}'" in refused.value.fix


def test_a_link_of_another_user_is_refused_in_place_of_our_folder(
    open_folder, other_user, monkeypatch
):
    home = open_folder / "ours"
    (open_folder / "private").mkdir(mode=0o700)
    open_folder.chmod(0o777)
    other_user.run(PLANT, home, "link", open_folder / "private")
    monkeypatch.setenv("DL_MAGICS_HOME", str(home))

    with pytest.raises(NoFolder, match="belongs to another user"):
        state.update(lambda before: before)

    assert list((open_folder / "private").iterdir()) == []


def test_a_file_of_another_user_is_not_opened(open_folder, other_user):
    (open_folder / "shared").mkdir()
    (open_folder / "shared").chmod(0o777)
    other_user.run(PLANT, open_folder / "shared" / "log", "file", "")

    with pytest.raises(NoFolder, match="belongs to another user"):
        private.open_file(open_folder / "shared" / "log", "ab")

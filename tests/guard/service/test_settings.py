"""The settings file of the guard, changed by the commands that notebooks send."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings
from support.limits.disk import mount_small_disk

PATTERNS = {"agents": ("/home/ubuntu/.dlm/*",), "runs": ("/home/ubuntu/.dl_magics/runs/*",)}
# A guard that looks once would order a shutdown of this computer.
START_ONLY = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/guard.pyz")
from service import service
service.Guard.run = lambda guard: None
print(service.run_service(Path(sys.argv[1])))
"""
AT_ONCE = (
    {"idle_seconds": 600.0},
    {"keep_seconds": 3600.0},
    {"max_seconds": 28_800.0},
    {"until_seconds": 7200.0},
    {"warning_seconds": 60.0},
    {"hung_seconds": 1200.0},
    {"tick_seconds": 5.0},
    {"checkpoint_name": "save"},
)


def write_folder(folder: Path, **settings: object) -> None:
    """Write a folder of a guard that does not run; its settings know kernels and runs."""
    folder.mkdir(exist_ok=True)
    (folder / "guard.pyz").write_bytes(program.pack_guard())
    (folder / "settings.json").write_text(json.dumps(asdict(Settings(**PATTERNS, **settings))))


def start_program(folder: Path, command: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", folder / "guard.pyz", command, folder, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def send_change(folder: Path, changes: dict[str, object]) -> subprocess.Popen[str]:
    return start_program(folder, "change", json.dumps(changes))


def test_changes_that_are_made_at_once_are_all_kept(tmp_path):
    write_folder(tmp_path)

    sent = [send_change(tmp_path, changes) for changes in AT_ONCE]
    failed = [error for each in sent if (error := each.communicate()[1])]

    stored = json.loads((tmp_path / "settings.json").read_text())
    given = {name: value for changes in AT_ONCE for name, value in changes.items()}
    assert failed == []
    assert stored.items() >= {name: given[name] for name in given.keys() & stored}.items()
    assert (stored["keep_until"] > 0, stored["until"] > 0) == (True, True)
    assert {name: tuple(stored[name]) for name in PATTERNS} == PATTERNS
    assert list(tmp_path.glob(".settings.json*")) == []


def test_a_longest_time_that_has_passed_when_it_is_set_ends_after_the_warning(tmp_path):
    write_folder(tmp_path)
    boot_id = Path(Settings.boot_file).read_text().strip()
    # The guard of this boot has begun with it.
    (tmp_path / "state.json").write_text(json.dumps({"boot_id": boot_id, "at": 1.0, "began": 1.0}))

    def set_longest(seconds: float) -> float:
        return json.loads(send_change(tmp_path, {"max_seconds": seconds}).communicate()[0])[
            "end_left"
        ]

    assert 290 < set_longest(0.5) <= Settings.warning_seconds
    assert set_longest(1e9) > Settings.warning_seconds


def test_an_end_that_has_passed_holds_at_the_first_boot_and_at_no_later_one(tmp_path):
    def read_end(**settings: object) -> float | None:
        write_folder(tmp_path, until_epoch=time.time() - 60, **settings)
        return json.loads(start_program(tmp_path, "status").communicate()[0])["end_left"]

    assert read_end() == 0.0
    assert read_end(until_boot="the boot before") is None


def test_a_full_disk_refuses_a_change_and_keeps_the_settings(tmp_path):
    with mount_small_disk(tmp_path / "disk") as disk:
        write_folder(disk.folder)
        before = (disk.folder / "settings.json").read_bytes()
        disk.fill()

        error = send_change(disk.folder, {"idle_seconds": 600.0}).communicate()[1]

        assert "No space left on device" in error
        assert (disk.folder / "settings.json").read_bytes() == before
        assert list(disk.folder.glob(".settings.json*")) == []


def test_a_guard_that_starts_on_a_full_disk_knows_the_end_that_was_set_before_the_boot(tmp_path):
    with mount_small_disk(tmp_path / "disk") as disk:
        write_folder(disk.folder, until_epoch=time.time() + 3600, until_boot="the boot before")
        (disk.folder / "pid").write_text("1")
        (disk.folder / "lock").touch()
        disk.fill()

        start = [sys.executable, "-I", "-c", START_ONLY, str(disk.folder)]
        started = subprocess.run(start, capture_output=True, text=True, check=False)
        status = json.loads(start_program(disk.folder, "status").communicate()[0])

        assert (started.stdout, started.stderr) == ("True\n", "")
        assert 3500 < status["end_left"] <= 3600
        # Otherwise a change would send its signal to another process.
        assert (disk.folder / "pid").read_text() != "1"

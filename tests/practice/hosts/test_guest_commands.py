from __future__ import annotations

import pytest

from dl_magics.practice.hosts import guest_commands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DL_MAGICS_PRACTICE_FOLDER", str(tmp_path))
    guest_commands.install(tmp_path / "bin", [("Tesla T4", 16384)])
    return tmp_path


def run(program: str, words: str = "") -> int:
    return guest_commands.PROGRAMS[program](words.split())


@pytest.mark.parametrize(
    ("program", "words", "what"),
    [
        ("shutdown", "-h now", "shutdown"),
        ("shutdown", "-r now", "reboot"),
        ("poweroff", "", "shutdown"),
        ("halt", "", "shutdown"),
        ("reboot", "", "reboot"),
        ("systemctl", "poweroff", "shutdown"),
        ("systemctl", "reboot", "reboot"),
        ("shutdown", "+5", "shutdown"),
    ],
)
def test_what_takes_the_power_sets_the_timer(folder, program, words, what):
    code = run(program, words)

    assert code == 0
    assert (folder / "shutdown").read_text().endswith(f" {what}")


def test_a_shutdown_is_cancelled(folder):
    run("shutdown", "+5")

    code = run("shutdown", "-c")

    assert code == 0
    assert not (folder / "shutdown").exists()


def test_systemctl_knows_the_ssh_server_and_nothing_else(folder, capsys):
    codes = [run("systemctl", "restart ssh"), run("systemctl", "start jupyter")]

    assert codes == [0, 1]
    assert "not been booted with systemd" in capsys.readouterr().err


def test_sudo_takes_the_ssh_folder_for_the_instances_own(folder, capfd):
    (folder / "etc/ssh").mkdir(parents=True)
    (folder / "etc/ssh/name").write_text("own")

    codes = [run("sudo", "-n -u root A=b cat /etc/ssh/name"), run("sudo", "no-such"), run("sudo")]

    said = capfd.readouterr()
    assert codes == [0, 1, 0]
    assert (said.out, said.err) == ("own", "sudo: no-such: command not found\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-L", "GPU 0: Tesla T4 (UUID: GPU-00000000-0000-0000-0000-000000000000)\n"),
        ("--query-gpu=name,memory.total --format=csv,noheader", "Tesla T4, 16384 MiB\n"),
        ("--query-gpu=count,serial --format=csv,nounits", "count, serial\n1, [N/A]\n"),
    ],
)
def test_the_driver_answers_what_it_is_asked(folder, capsys, words, said):
    code = run("nvidia-smi", words)

    assert code == 0
    assert capsys.readouterr().out == said


def test_the_drivers_table_is_straight(folder, capsys):
    run("nvidia-smi")

    _, *table = capsys.readouterr().out.splitlines()
    assert {len(line) for line in table} == {79}


def test_without_a_gpu_there_is_no_driver(folder):
    guest_commands.install(folder / "bin", [])

    assert not (folder / "bin" / "nvidia-smi").exists()

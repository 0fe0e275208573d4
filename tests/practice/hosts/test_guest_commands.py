from __future__ import annotations

import subprocess
import sys

import pytest

from dl_magics.practice.hosts import guest_commands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DL_MAGICS_PRACTICE_FOLDER", str(tmp_path))
    guest_commands.install_commands(tmp_path / "bin", [("Tesla T4", 16384)])
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
def test_a_shutdown_command_sets_the_timer(folder, program, words, what):
    code = run(program, words)

    assert code == 0
    assert (folder / "shutdown").read_text().endswith(f" {what}")


def test_a_pending_shutdown_can_be_cancelled(folder):
    run("shutdown", "+5")

    code = run("shutdown", "-c")

    assert code == 0
    assert not (folder / "shutdown").exists()


def test_systemctl_restarts_ssh_only(folder, capsys):
    codes = [run("systemctl", "restart ssh"), run("systemctl", "start jupyter")]

    assert codes == [0, 1]
    assert "not been booted with systemd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/etc/motd", "ROOT/etc/motd"),
        ("rm -rf /opt", "rm -rf ROOT/opt"),
        ("cd /home/ubuntu/run; cat </var/log/x", "cd ROOT/home/run; cat <ROOT/var/log/x"),
        ("/usr/sbin/poweroff", "ROOT/bin/poweroff"),
        ("a=/root", "a=ROOT/root"),
        ("#!/usr/bin/env python3", "#!/usr/bin/env python3"),
        ("https://a.example/etc/x", "https://a.example/etc/x"),
        ("my/etc/x ~/etc/x", "my/etc/x ~/etc/x"),
        ("cat /proc/stat /proc/net/dev", "cat ROOT/proc/stat ROOT/proc/net/dev"),
        ("cat /proc/cpuinfo; ls /dev/pts", "cat /proc/cpuinfo; ls ROOT/dev/pts"),
        ("/optional /etcetera", "/optional /etcetera"),
    ],
)
def test_paths_of_the_system_are_mapped_into_the_folder_of_the_instance(tmp_path, text, expected):
    mapped = guest_commands.map_system_paths(text, tmp_path)

    assert mapped == expected.replace("ROOT", str(tmp_path))


def test_sudo_maps_etc_ssh_to_the_folder_of_the_host(folder, capfd):
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
def test_nvidia_smi_prints_the_requested_fields(folder, capsys, words, said):
    code = run("nvidia-smi", words)

    assert code == 0
    assert capsys.readouterr().out == said


def test_the_table_of_nvidia_smi_is_aligned(folder, capsys):
    run("nvidia-smi")

    _, *table = capsys.readouterr().out.splitlines()
    assert {len(line) for line in table} == {79}


def test_a_host_without_gpus_has_no_nvidia_smi(folder):
    guest_commands.install_commands(folder / "bin", [])

    assert not (folder / "bin" / "nvidia-smi").exists()


def test_a_command_loads_nothing_that_calls_the_practice_cloud():
    code = f"import sys, {guest_commands.__name__}; print('http.client' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"

"""Failures with a real sshd: each is reported with two lines, and no output is lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.gpu_kernel import agent_transport
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.ssh import blocking, connection, keys, known_hosts
from support.limits.memory import small_memory
from support.messages import printed, run


@pytest.fixture(autouse=True)
def _afresh(lab):
    """Drop the shared connection, so that no test uses that of another."""
    yield
    blocking.wait_for(connection.drop_shared("i-0lab"))


def refused(login):
    with pytest.raises(errors.DLMagicsError) as refused:
        blocking.run_command(login, "echo here")
    return refused.value


def test_another_host_key_is_refused(lab):
    known = known_hosts.pinned_lines("i-0lab")[0].split(maxsplit=1)[1]
    known_hosts.pin_keys("i-0lab", keys.ensure_key_pair("another").public)
    try:
        error = refused(lab.login())
    finally:
        known_hosts.pin_keys("i-0lab", known)

    assert isinstance(error, errors.HostKeyRefused)
    assert "does not match the pinned key" in str(error)
    assert "--trust" in error.fix


@pytest.mark.parametrize(
    "change", [{"user": "no-such-user"}, {"key": "another"}], ids=["user", "key"]
)
def test_refused_authentication_names_the_user_and_the_key(lab, change):
    login = lab.login()
    if "key" in change:
        login = replace(login, key_file=keys.ensure_key_pair("another").file)
    else:
        login = replace(login, **change)

    error = refused(login)

    assert isinstance(error, errors.LoginRefused)
    assert login.user in str(error)
    assert error.fix


def test_a_revoked_key_is_reported_and_the_cell_keeps_running(lab, kernel):
    kept = (lab.folder / "authorized_keys").read_text()
    answer = kernel.execute("import time\nfor i in range(20): print(i); time.sleep(0.1)")
    (lab.folder / "authorized_keys").write_text("")
    lab.kill_sessions()
    while "key" not in kernel.link.status.why:
        time.sleep(0.05)
    (lab.folder / "authorized_keys").write_text(kept)

    assert printed(answer) == "".join(f"{i}\n" for i in range(20))


@pytest.fixture
def start_file(lab):
    """The startup file of every shell on the instance."""
    file = lab.folder / "home" / ".bashrc"
    yield file
    file.unlink()


def test_a_startup_file_that_prints_and_fails_is_tolerated(lab, start_file):
    start_file.write_text("echo Welcome; echo to this host >&2; set -u; echo $NOTHING\n")

    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)

    assert run(kernel, "print('clean')") == "clean\n"
    kernel.shutdown()


@pytest.mark.parametrize(
    ("line", "output"),
    [("exit 7", r"without output \(exit status 7\)"), ("exec sleep 600", "timed out 2 times")],
)
def test_a_blocking_startup_file_is_named_as_a_likely_cause(
    lab, start_file, monkeypatch, line, output
):
    if "sleep" in line:  # one that exits may need longer on a busy computer
        monkeypatch.setattr(agent_transport, "_HANGS_SECONDS", (2.0, 2.0))
        monkeypatch.setattr(connection, "_IDLE_SECONDS", 0.1)
    start_file.write_text(f"{line}\n")

    with pytest.raises(errors.NoAnswer, match=output) as failed:
        GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)

    assert "~/.bashrc" in failed.value.fix


def test_a_startup_file_that_begins_to_hang_does_not_affect_the_cell(lab, kernel, start_file):
    answer = kernel.execute("import time\nfor i in range(10): print(i); time.sleep(0.1)")
    start_file.write_text("exec sleep 600\n")
    lab.kill_sessions()

    assert printed(answer) == "".join(f"{i}\n" for i in range(10))


HOARD = """
hoard = []
for i in range(60):
    print(i, flush=True)
    hoard.append(bytearray(10 * 2**20))
"""


@pytest.fixture
def memory(lab, kernel):
    """The agent and its kernel have 150 MB."""
    with small_memory(150 * 2**20) as memory:
        memory.take(lab.running(kernel.run_dir))
        yield memory
        kernel.restart()


def hoards_until_it_is_killed(kernel):
    output = []
    with pytest.raises(errors.KernelDied) as died:
        output.extend(kernel.execute(HOARD))
    return died.value._render_traceback_(), printed(output)


def test_an_out_of_memory_kill_is_reported_and_the_output_is_kept(kernel, memory):
    agent = kernel.link.status.agent.agent_pid

    shown, output = hoards_until_it_is_killed(kernel)

    assert memory.killed == 1
    assert shown == [
        "KernelDied: The GPU kernel stopped before the cell finished: "
        "out of memory: the system killed it.",
        "  %gpu_restart starts a new kernel; cells are not run again automatically.",
    ]
    assert output.startswith("0\n1\n2\n3\n4\n")
    # The kill may come between a number and the end of its line.
    assert "".join(f"{i}\n" for i in range(output.count("\n") + 1)).startswith(output)
    kernel.restart()
    assert run(kernel, "print('again')") == "again\n"
    assert kernel.link.status.agent.agent_pid == agent


def test_an_agent_that_adopted_the_kernel_reports_out_of_memory_too(kernel, memory):
    os.kill(kernel.link.status.agent.agent_pid, signal.SIGKILL)
    run(kernel, "1")

    shown, _ = hoards_until_it_is_killed(kernel)

    assert memory.killed == 1
    assert "out of memory: the system killed it" in shown[0]

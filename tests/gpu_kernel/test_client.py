"""A kernel on the instance of the lab, used as the magics use it."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from functools import partial

import pytest

from dl_magics import errors
from dl_magics.gpu_kernel import deploy, replay
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.ssh import blocking, connection, keys, known_hosts
from dl_magics.store import link_outages, notebook_session
from support.messages import printed, run
from support.two_hosts.journal_file import JournalFile
from support.two_hosts.lab import Lab, missing


def kinds(messages):
    return [message["header"]["msg_type"] for message in messages]


def until(true):
    while not true():
        time.sleep(0.05)


def agent_pid(lab, kernel):
    (pid,) = [pid for pid in lab.running(kernel.run_dir) if "run" in lab.words(pid)]
    return pid


def test_a_cell_yields_its_messages_until_the_reply_and_idle(kernel):
    messages = list(kernel.execute("print('a'); 6 * 7"))

    assert sorted(set(kinds(messages))) == sorted(
        {"status", "execute_input", "stream", "execute_result", "execute_reply"}
    )
    assert printed(messages) == "a\n"
    assert kernel.state == "idle"


def test_an_error_has_its_traceback(kernel):
    messages = list(kernel.execute("1 / 0"))

    (error,) = [one["content"] for one in messages if one["header"]["msg_type"] == "error"]
    assert error["ename"] == "ZeroDivisionError"
    assert "Traceback" in "".join(error["traceback"])


def test_a_cell_can_request_input(kernel):
    output = ""
    for message in kernel.execute("name = input('Who? '); print('Hello', name)", allow_stdin=True):
        if message["header"]["msg_type"] == "input_request":
            assert message["content"]["prompt"] == "Who? "
            kernel.input_reply("Jürgen")
        output += printed([message])

    assert output == "Hello Jürgen\n"


def test_completions_and_help_are_returned(kernel):
    run(kernel, "a_name_of_ours = 1; get_ipython().Completer.use_jedi = False")

    reply = kernel.request("shell", "complete_request", {"code": "a_name_o", "cursor_pos": 8})

    assert reply["content"]["matches"] == ["a_name_of_ours"]


def test_a_request_times_out(kernel):
    kernel.execute("import time; time.sleep(2)")

    with pytest.raises(errors.NoAnswer, match="before the timeout"):
        kernel.request("shell", "complete_request", {"code": "x", "cursor_pos": 1}, seconds=0.3)


def test_custom_events_pass_like_any_message(kernel):
    code = (
        "k = get_ipython().kernel\n"
        "k.session.send(k.iopub_socket, 'dl_magics_event', {'n': 1}, parent=k.get_parent('shell'))"
    )

    (event,) = [
        message
        for message in kernel.execute(code)
        if message["header"]["msg_type"] == "dl_magics_event"
    ]

    assert event["content"] == {"n": 1}


def test_iteration_continues_after_ctrl_c(kernel):
    answer = kernel.execute("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    output = [next(answer)]
    while "begun" not in printed(output):
        output.append(next(answer))
    threading.Timer(0.5, _thread.interrupt_main).start()

    with pytest.raises(KeyboardInterrupt):
        output.extend(answer)
    kernel.interrupt()

    rest = list(answer)
    assert "KeyboardInterrupt" in [
        one["content"].get("ename") for one in rest if one["header"]["msg_type"] == "error"
    ]
    assert run(kernel, "print('goes on')") == "goes on\n"


def test_a_request_sent_while_the_link_is_lost_runs_once_later(lab, kernel):
    run(kernel, "ran = 0")
    lab.wire("down")
    seen = []

    def waiting():
        seen.append(kernel.state)
        if kernel.state == "lost":
            lab.wire("up")

    kernel.waiting = waiting

    assert run(kernel, "ran += 1; print(ran)") == "1\n"
    assert "lost" in seen
    assert run(kernel, "print(ran)") == "1\n"


def test_a_notebook_whose_link_is_lost_notes_it_for_the_panel_until_it_is_back(lab, kernel):
    session = notebook_session.current()
    notebook_session.hold(session)
    holding = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable, holder=(session, "gpu"))
    lab.wire("down")
    until(link_outages.list_outages)
    (lost,) = link_outages.list_outages()
    assert (lost.host, lost.notebook, lost.ended_at) == ("gpu", session.title, None)
    assert lost.why

    lab.wire("up")

    until(lambda: link_outages.list_outages()[0].ended_at)
    holding.close()
    until(lambda: not link_outages.list_outages())
    notebook_session.release(session)


def test_another_client_resumes_a_request_from_the_journal(lab, kernel):
    # Without a flush, the kernel combines several lines into one message.
    count = "import time\nfor i in range(30): print(i, flush=True); time.sleep(0.05)"
    since = kernel.n
    id_ = kernel.execute(count).id
    until(lambda: kernel.n > since + 10)
    kernel.close()

    again = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)

    assert printed(again.resume(id_, 0)) == "".join(f"{i}\n" for i in range(30))
    assert printed(again.resume(id_, 0)) == "".join(f"{i}\n" for i in range(30))
    again.close()


@pytest.fixture
def other(lab, kernel):
    other = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)
    yield other
    other.close()


def journal_of(lab, kernel, since=0):
    opened = partial(AgentConnection.open, lab.login, kernel.run_dir, sys.executable)
    return blocking.iterate_over(replay.read_journal(opened, since))


def test_two_clients_share_a_kernel_and_each_gets_its_own_answers(lab, kernel, other):
    run(kernel, "shared = 'ours'")

    assert run(other, "print(shared)") == "ours\n"
    assert [entry.n for entry in journal_of(lab, other)] == list(range(1, other.n + 1))
    assert list(journal_of(lab, other, since=other.n)) == []


def test_all_clients_receive_kernel_events(kernel, other):
    coming = blocking.iterate_over(other.entries())
    events = (entry.message for entry in coming if entry.event)
    waits = other.execute("import time; time.sleep(600)")
    until(lambda: other.state == "busy")

    kernel.restart()

    assert [next(events)["event"] for _ in range(3)] == [
        "restarting",
        "kernel_started",
        "kernel_ready",
    ]
    with pytest.raises(errors.KernelDied, match="restarted"):
        list(waits)
    assert run(other, "print('new')") == "new\n"


def test_out_of_memory_fails_the_cell_with_two_lines(kernel):
    answer = kernel.execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    with pytest.raises(errors.KernelDied) as died:
        list(answer)

    assert "memory" in str(died.value)
    assert "%gpu_restart" in died.value.fix
    assert kernel.state == "dead"
    assert "memory" in kernel.link.status.agent.why
    with pytest.raises(errors.KernelDied):
        list(kernel.execute("1"))
    kernel.restart()
    assert run(kernel, "print('again')") == "again\n"


def test_a_killed_agent_is_replaced_and_the_gap_is_reported(lab, kernel):
    since = kernel.n
    count = "import time\nfor i in range(40): print(i, flush=True); time.sleep(0.1)"
    answer = kernel.execute(count)
    until(lambda: kernel.n > since + 8)
    os.kill(agent_pid(lab, kernel), signal.SIGKILL)

    output = printed(answer)

    assert "was down for a moment" in output
    assert output.endswith("39\n")
    assert run(kernel, "print('goes on')") == "goes on\n"


def test_output_that_was_not_journalled_is_reported_lost(lab, kernel):
    run(kernel, "import time, os")
    answer = kernel.execute("time.sleep(0.5)")
    until(lambda: kernel.state == "busy")
    lab.wire("down")
    os.kill(agent_pid(lab, kernel), signal.SIGKILL)
    time.sleep(1)
    lab.wire("up")

    with pytest.raises(errors.OutputLost):
        list(answer)
    assert run(kernel, "print('goes on')") == "goes on\n"


def test_a_reboot_of_the_instance_fails_the_cell(lab, kernel):
    answer = kernel.execute("import time; time.sleep(600)")
    until(lambda: kernel.state == "busy")
    for pid in lab.running(kernel.run_dir):
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(errors.KernelDied, match="restarted"):
        list(answer)
    again = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)
    assert run(again, "print('a new one')") == "a new one\n"
    again.close()


@pytest.mark.parametrize(
    ("since", "error", "message"),
    [
        (2, errors.OutputLost, "no record of this cell: its host was replaced"),
        (1000, errors.KernelDied, "its host was restarted or replaced"),
    ],
)
def test_a_cell_of_a_host_that_was_replaced_is_not_waited_for(lab, since, error, message):
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    cell = kernel.execute("import time; time.sleep(600)")
    until(lambda: kernel.state == "busy")
    kernel.close()
    for pid in lab.running(kernel.run_dir):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(kernel.run_dir)

    with pytest.raises(errors.KernelDied, match=r"is gone: its folder .* does not exist"):
        GpuKernel.adopt(lab.login, kernel.run_dir, sys.executable)
    again = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)
    with pytest.raises(error, match=message):
        list(again.resume(cell.id, since))
    again.shutdown()


def test_a_kernel_that_has_ended_is_not_started_to_read_its_journal(lab):
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    cell = kernel.execute("print('long ago'); import os, signal; os.kill(os.getpid(), 9)")
    with pytest.raises(errors.KernelDied):
        list(cell)
    kernel.close()

    reading = GpuKernel.adopt(lab.login, kernel.run_dir, sys.executable)

    messages = []
    with pytest.raises(errors.KernelDied):
        messages += reading.resume(cell.id, 1)
    assert reading.state == "dead"
    reading.shutdown()


def test_a_kernel_that_was_shut_down_stays_gone(lab):
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    other = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)

    kernel.shutdown()

    until(lambda: other.state == "gone")
    assert other.link.status.why == "it was shut down"
    until(lambda: lab.running(kernel.run_dir) == [])
    other.close()


def test_the_journal_can_be_read_after_a_shutdown(lab):
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    run(kernel, "print('long ago')")
    kernel.shutdown()

    again = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)

    assert "long ago\n" in printed(
        entry.message for entry in journal_of(lab, again) if entry.kind == "stream"
    )
    again.shutdown()


def test_a_deleted_run_folder_is_reported_gone(lab):
    other = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
    pids = lab.running(other.run_dir)
    shutil.rmtree(other.run_dir)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    until(lambda: other.state == "gone")
    assert "does not exist" in other.link.status.why
    other.close()


def test_a_stopped_instance_is_distinguished_from_a_lost_link(lab, kernel):
    stopped = threading.Event()

    def find():
        if stopped.is_set():
            raise errors.WrongState("gpu is stopped.", fix="%aws_start starts it.")
        return lab.login()

    watching = GpuKernel.attach(find, kernel.run_dir, sys.executable)
    stopped.set()
    lab.refuse()

    until(lambda: watching.state == "stopped")
    assert watching.link.status.why == "gpu is stopped."
    lab.mend()
    stopped.clear()
    until(lambda: watching.state == "idle")
    watching.close()


def test_a_changed_host_key_ends_the_link_with_two_lines(lab, kernel):
    answer = kernel.execute("import time; time.sleep(5)")
    until(lambda: kernel.state == "busy")
    known = known_hosts.pinned_lines("i-0lab")[0].split(maxsplit=1)[1]
    try:
        known_hosts.pin_keys("i-0lab", keys.ensure_key_pair("another").public)
        lab.kill_sessions()

        with pytest.raises(errors.HostKeyRefused, match="does not match the pinned key"):
            list(answer)
    finally:
        known_hosts.pin_keys("i-0lab", known)


def test_a_missing_interpreter_is_reported_with_two_lines(lab):
    with pytest.raises(errors.KernelDied) as failed:
        GpuKernel.attach(lab.login, lab.new_run_dir(), "/no/such/python")

    assert "/no/such/python" in str(failed.value)
    assert "--setup" in failed.value.fix


def links():
    """Return the links of this process that connect, or try to."""

    def find():
        return [task for task in asyncio.all_tasks() if "AgentConnection._run" in repr(task)]

    return blocking.call_in_loop(find)


def test_a_kernel_that_does_not_start_leaves_no_link_that_tries_again(lab):
    before = len(links())

    with pytest.raises(errors.KernelDied):
        GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable, activate="exit 3;")

    assert len(links()) == before


def test_a_new_link_resumes_after_the_last_entry_received(lab, tmp_path):
    path = tmp_path / "journal"
    kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)

    def record_until(text):
        recorded = JournalFile(path)

        async def record():
            link = await AgentConnection.open(
                lab.login, kernel.run_dir, sys.executable, recorded.n, name="test"
            )
            await recorded.record(link)

        recording = blocking.start_task(record())
        until(lambda: path.exists() and text in path.read_bytes())
        recording.cancel()

    run(kernel, "print('one')")
    record_until(b"one\\n")
    with path.open("ab") as torn:
        torn.write(b'{"n":99,"t":1,"ch":"io')
    run(kernel, "print('two')")
    record_until(b"two\\n")

    entries = list(JournalFile(path).entries())
    assert printed(entry.message for entry in entries if entry.kind == "stream") == "one\ntwo\n"
    assert [entry.n for entry in entries] == list(range(entries[0].n, entries[-1].n + 1))
    kernel.shutdown()


def test_the_agent_is_uploaded_once(lab, kernel):
    (file,) = (lab.folder / "home" / ".dlm").glob("agent-*")
    before = file.stat().st_mtime_ns

    GpuKernel.attach(lab.login, kernel.run_dir, sys.executable).close()

    assert file.name == deploy.archive_name()
    assert file.stat().st_mtime_ns == before
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_socket_forwarding_the_link_uses_standard_input_and_output(home):
    if why := missing():
        pytest.skip(why)
    strict = Lab("AllowStreamLocalForwarding no")
    try:
        with strict.entered():
            blocking.wait_for(connection.drop_shared("i-0lab"))
            kernel = GpuKernel.attach(strict.login, strict.new_run_dir(), sys.executable)

            assert run(kernel, "print('x' * 3_000_000)") == "x" * 3_000_000 + "\n"
            kernel.shutdown()
    finally:
        strict.close()

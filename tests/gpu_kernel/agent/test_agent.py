"""The agent on this computer, used through its socket, without SSH."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from dl_magics.gpu_kernel import deploy
from dl_magics.gpu_kernel.link import long_entries
from dl_magics.gpu_kernel.link.stream import IncompleteEntry, Piece
from support.messages import printed

AGENT = [sys.executable, "-m", "dl_magics.gpu_kernel.agent"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="an instance runs Linux")
OLD_PYTHON = Path(__file__).parents[3] / "build" / "python-3.8" / "bin" / "python"
ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount a small disk"
)
pytestmark = LINUX


class Talk:
    """A direct connection to the agent of a folder."""

    def __init__(self, folder, since=0, **more):
        self.end = socket.socket(socket.AF_UNIX)
        self.end.settimeout(60)
        self.end.connect(str(folder / "agent.sock"))
        self.lines = self.end.makefile("rb")
        self.status = {}
        self.long = IncompleteEntry()
        self.say(op="hello", since=since, **more)
        # A client receives every later entry only after its welcome.
        while self.status.get("op") != "welcome":
            self.status = json.loads(self.lines.readline())

    def say(self, **document):
        self.end.sendall(json.dumps(document).encode() + b"\n")

    def receive(self):
        """Return the next entry; other lines are stored as `status`."""
        while True:
            line = self.lines.readline()
            assert line, "the agent hung up"
            document = json.loads(line)
            if document.get("op") == "piece":
                data = self.lines.read(document["length"])
                if self.long.add(
                    Piece(document["n"], document["offset"], document["total"], data), 1 << 30
                ):
                    return long_entries.read_line(self.long.take())
            elif "ch" in document:
                return long_entries.read_document(document)
            else:
                self.status = document

    def until(self, true):
        entries = [self.receive()]
        while not true(entries[-1]):
            entries.append(self.receive())
        return entries

    def event(self, name):
        return self.until(lambda entry: entry.event == name)[-1].message

    def ask(self, code, id_=None, channel="shell", **content):
        id_ = id_ or uuid.uuid4().hex
        header = {"msg_id": id_, "msg_type": "execute_request", "session": "s", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, **content}
        self.say(op="send", ch=channel, m={"header": header, "content": content})
        return id_

    def run(self, code):
        """Run code; return its messages."""
        id_ = self.ask(code)
        entries = self.until(lambda entry: entry.channel == "shell" and entry.answers == id_)
        if not any(idle(entry, id_) for entry in entries):
            entries += self.until(lambda entry: idle(entry, id_))
        return [entry.message for entry in entries if entry.answers == id_]

    def request(self, op, **more):
        id_ = uuid.uuid4().hex
        self.say(op=op, id=id_, **more)
        return id_


def idle(entry, id_):
    return (
        entry.answers == id_
        and entry.kind == "status"
        and entry.message["content"]["execution_state"] == "idle"
    )


def command(name, folder, *options, agent=AGENT, **environment):
    done = subprocess.run(
        [*agent, name, str(folder), *options],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def short():
    """A folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="dlm", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def folder(short):
    """A folder with an agent and a kernel that the tests of this module share."""
    folder = short / "shared"
    command("start", folder)
    yield folder
    end(folder)


@pytest.fixture
def talk(folder):
    talk = Talk(folder, since=10**9)
    talk.run("1")
    return talk


def end(folder):
    # A client that disconnects too early may not be served.
    talk = Talk(folder, since=10**9)
    talk.request("shutdown")
    talk.event("shutdown")
    until_gone(folder)


def until_gone(folder):
    while command("status", folder)["state"] != "gone":
        time.sleep(0.1)


def test_the_agent_is_valid_python_3_8():
    for path in Path(deploy.__file__).with_name("agent").glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.skipif(not OLD_PYTHON.exists(), reason="`make` found no Python 3.8")
def test_python_3_8_runs_cells_and_a_killed_agent_is_replaced(short):
    folder, file = short / "old", short / "agent.pyz"
    file.write_bytes(deploy.pack_agent())
    agent = [str(OLD_PYTHON), str(file)]
    started = command("start", folder, agent=agent)
    talk = Talk(folder)
    output = printed(talk.run("import sys; kept = sys.version_info[:2]; print(kept)"))
    os.kill(started["agent_pid"], signal.SIGKILL)

    adopted = command("adopt", folder, agent=agent)
    again = printed(Talk(folder, since=10**9).run("print(kept)"))

    assert output == again == "(3, 8)\n"
    assert adopted["kernel_pid"] == started["kernel_pid"]
    assert adopted["agent_pid"] != started["agent_pid"]
    end(folder)


def test_only_the_owner_has_access_to_the_files(folder, talk):
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "agent.sock").stat().st_mode & 0o777 == 0o600
    assert (folder / "kernel.json").stat().st_mode & 0o777 == 0o600


def test_every_file_is_private_whatever_the_umask(short):
    folder = short / "open"
    old = os.umask(0)
    try:
        command("start", folder)
    finally:
        os.umask(old)
    Talk(folder).event("kernel_ready")

    modes = {}
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):  # written beside and renamed meanwhile
            modes[path] = path.stat().st_mode & 0o777
    ours = {path: mode for path, mode in modes.items() if not path.name.startswith("k-")}
    assert {mode for path, mode in ours.items() if path.is_dir()} == {0o700}
    assert {path.name: oct(mode) for path, mode in ours.items() if mode & 0o077} == {}
    assert {"journal", "agent.log", "kernel.log", "kernel.json"} <= {path.name for path in ours}
    end(folder)


@pytest.mark.parametrize("name", ["agent.log", "how.new", "lock"])
def test_a_link_in_the_place_of_a_file_is_not_followed(short, name):
    folder, victim = short / f"linked-{name}", short / f"victim-{name}"
    victim.write_text("kept")
    folder.mkdir()
    (folder / name).symlink_to(victim)

    started = subprocess.run([*AGENT, "start", str(folder)], capture_output=True, text=True)

    assert victim.read_text() == "kept"
    assert "Too many levels of symbolic links" in started.stdout + started.stderr


def test_starting_a_running_agent_changes_nothing(folder, talk):
    before = command("status", folder)

    again = command("start", folder)

    assert again["agent_pid"] == before["agent_pid"]
    assert again["kernel_pid"] == before["kernel_pid"]


def test_a_repeated_request_runs_once(talk):
    talk.run("ran = 0")
    id_ = talk.ask("ran += 1")
    talk.ask("ran += 1", id_)
    talk.ask("ran += 1", id_)

    assert printed(talk.run("print(ran)")) == "1\n"


def test_every_client_receives_every_message(folder, talk):
    other = Talk(folder, since=10**9)
    other.say(op="ping")
    talk.say(op="status")

    id_ = talk.ask("print('to all')")

    for one in (talk, other):
        entries = one.until(lambda entry: idle(entry, id_))
        assert "to all\n" in printed(entry.message for entry in entries if entry.answers == id_)


def test_a_client_that_is_back_ends_its_earlier_connection_and_no_other(folder, talk):
    other = Talk(folder, since=10**9, client="other")
    lost = Talk(folder, since=10**9, client="ours")

    Talk(folder, since=10**9, client="ours")

    while lost.lines.readline():
        pass
    assert printed(other.run("print('goes on')")) == "goes on\n"
    assert printed(talk.run("print('goes on')")) == "goes on\n"


def test_a_later_client_receives_earlier_entries(folder, talk):
    output = talk.run("print('earlier')")

    late = Talk(folder, since=0)

    entries = late.until(lambda entry: idle(entry, output[0]["parent_header"]["msg_id"]))
    assert [entry.n for entry in entries] == list(range(1, entries[-1].n + 1))
    assert "earlier\n" in printed(entry.message for entry in entries if entry.kind == "stream")


def test_the_status_names_the_running_request_and_the_idle_time(folder, talk):
    go = folder / f"go-{uuid.uuid4().hex}"
    id_ = talk.ask(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)")
    talk.until(lambda entry: entry.kind == "execute_input")
    busy = command("status", folder)
    go.touch()
    talk.until(lambda entry: idle(entry, id_))
    rests = command("status", folder)

    assert (busy["state"], busy["busy"], busy["idle_since"]) == ("busy", id_, None)
    assert (rests["state"], rests["busy"]) == ("idle", None)
    assert rests["idle_since"] <= time.time()


def test_a_thousand_simultaneous_requests_are_answered_in_order(talk):
    ids = [talk.ask(f"print({i})", store_history=False) for i in range(1000)]

    entries = talk.until(lambda entry: idle(entry, ids[-1]))

    assert printed(entry.message for entry in entries if entry.answers in set(ids)) == "".join(
        f"{i}\n" for i in range(1000)
    )


def test_ten_megabytes_of_output_arrive_complete(talk):
    output = printed(talk.run("print('x' * 10_000_000)"))

    assert len(output) == 10_000_001


def peak_memory(pid):
    """Return the most memory that a process has used, in bytes."""
    (line,) = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line
    ]
    return int(line.split()[1]) << 10


def test_the_agent_holds_a_large_message_once(folder, talk):
    pid = command("status", folder)["agent_pid"]
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the earlier peak
    before = peak_memory(pid)

    output = printed(talk.run(f"print('x' * {100 << 20})"))

    assert len(output) == (100 << 20) + 1
    assert peak_memory(pid) - before < 150 << 20


def test_buffers_are_unchanged(talk):
    (came,) = [
        message
        for message in talk.run(
            "get_ipython().kernel.session.send(get_ipython().kernel.iopub_socket, 'comm_msg',"
            " {'comm_id': 'c', 'data': {}}, parent=get_ipython().kernel.get_parent('shell'),"
            " buffers=[bytes(range(256)), b''])"
        )
        if message["header"]["msg_type"] == "comm_msg"
    ]

    assert came["buffers"] == [bytes(range(256)), b""]


def test_output_that_is_not_utf_8_arrives(talk):
    assert "na" in printed(talk.run("print(b'na\\xefve'.decode('utf-8', 'surrogateescape'))"))


def test_typed_input_is_not_journalled(folder, talk):
    id_ = talk.ask("x = input('Password: '); print(len(x))", allow_stdin=True)
    talk.until(lambda entry: entry.kind == "input_request")
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "input_reply",
        "session": "s",
        "version": "5.3",
    }
    reply = {"header": header, "content": {"value": "s3cret-of-mine"}}
    talk.say(op="send", ch="stdin", m=reply)

    entries = talk.until(lambda entry: idle(entry, id_))

    assert printed(entry.message for entry in entries if entry.answers == id_) == "14\n"
    assert not any(
        b"s3cret-of-mine" in path.read_bytes() for path in (folder / "journal").iterdir()
    )


def test_a_cell_can_be_interrupted(talk):
    id_ = talk.ask("import time; print('begun', flush=True); time.sleep(600)")
    talk.until(lambda entry: entry.kind == "stream")

    talk.request("interrupt")

    entries = talk.until(lambda entry: entry.channel == "shell" and entry.answers == id_)
    assert entries[-1].message["content"]["ename"] == "KeyboardInterrupt"


def test_a_late_interrupt_of_a_cell_that_has_ended_leaves_the_next_one_alone(talk):
    ended = talk.ask("1")
    talk.until(lambda entry: entry.channel == "shell" and entry.answers == ended)
    id_ = talk.ask("import time; print('begun', flush=True); time.sleep(1); print('whole')")
    talk.until(lambda entry: entry.kind == "stream")

    talk.request("interrupt", of=ended)

    entries = talk.until(lambda entry: entry.channel == "shell" and entry.answers == id_)
    assert entries[-1].message["content"]["status"] == "ok"


def test_the_interrupt_of_a_cell_that_runs_ends_it(talk):
    id_ = talk.ask("import time; print('begun', flush=True); time.sleep(600)")
    talk.until(lambda entry: entry.kind == "stream")

    talk.request("interrupt", of=id_)

    entries = talk.until(lambda entry: entry.channel == "shell" and entry.answers == id_)
    assert entries[-1].message["content"]["ename"] == "KeyboardInterrupt"


def test_an_invalid_line_is_answered_with_an_error(talk):
    talk.end.sendall(b"no JSON\n")
    talk.say(op="send")

    assert printed(talk.run("print(1)")) == "1\n"


def test_attach_connects_the_socket_to_standard_input_and_output(folder, talk):
    attached = subprocess.Popen(
        [*AGENT, "attach", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    last = command("status", folder)["n"] - 1
    attached.stdin.write(b'{"op":"hello","since":%d}\n' % last)
    attached.stdin.flush()

    assert json.loads(attached.stdout.readline())["op"] == "welcome"
    assert json.loads(attached.stdout.readline())["n"] == last + 1
    attached.stdin.close()
    attached.stdout.read()
    assert attached.wait() == 0


def test_a_killed_kernel_is_reported_and_restarts_only_on_request(talk):
    talk.run("here = 1")
    talk.say(op="status")
    talk.ask("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    died = talk.event("kernel_died")
    talk.ask("print('never')")
    talk.request("restart")
    talk.event("kernel_ready")

    assert "signal 9" in died["why"]
    assert "memory" in died["why"]
    assert printed(talk.run("print('here' in dir())")) == "False\n"


def test_a_new_agent_adopts_the_running_kernel(folder, talk):
    talk.run("kept = 41")
    before = command("status", folder)
    go = folder / f"go-{uuid.uuid4().hex}"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    id_ = talk.ask(f"{wait}\nprint('waited'); kept += 1")
    talk.until(lambda entry: entry.kind == "execute_input")
    os.kill(before["agent_pid"], signal.SIGKILL)

    after = command("adopt", folder)
    again = Talk(folder, since=before["n"])
    # What the kernel sends before the new agent is connected is lost.
    entries = again.until(lambda entry: entry.event == "kernel_ready")
    go.touch()

    entries += again.until(lambda entry: entry.channel == "shell" and entry.answers == id_)
    assert after["kernel_pid"] == before["kernel_pid"]
    assert printed(entry.message for entry in entries if entry.answers == id_) == "waited\n"
    again.event("settled")
    assert printed(again.run("print(kept)")) == "42\n"
    assert [entry.n for entry in entries] == list(range(before["n"] + 1, entries[-1].n + 1))


def test_a_request_from_before_the_crash_runs_once(folder, talk):
    talk.run("ran = 0")
    id_ = talk.ask("ran += 1")
    talk.until(lambda entry: idle(entry, id_))
    os.kill(command("status", folder)["agent_pid"], signal.SIGKILL)
    command("adopt", folder)

    again = Talk(folder, since=10**9)
    again.ask("ran += 1", id_)

    assert printed(again.run("print(ran)")) == "1\n"


def test_the_journal_survives_a_reboot_but_the_kernel_does_not(folder, talk):
    output = talk.run("print('before')")
    status = command("status", folder)
    for pid in (status["agent_pid"], status["kernel_pid"]):
        os.kill(pid, signal.SIGKILL)

    command("adopt", folder)
    again = Talk(folder, since=0)

    entries = again.until(lambda entry: entry.event == "kernel_died" and entry.n > status["n"])
    assert "restarted" in entries[-1].message["why"]
    assert output[0]["parent_header"]["msg_id"] in {entry.answers for entry in entries}
    assert command("status", folder)["state"] == "dead"
    again.request("restart")
    again.event("kernel_ready")


def test_a_python_without_ipykernel_is_reported(short, tmp_path):
    folder = short / "bare"
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)

    command("start", folder, "--python", str(bare))
    talk = Talk(folder)

    assert "No module named ipykernel_launcher" in talk.event("kernel_died")["why"]
    talk.request("shutdown")
    until_gone(folder)


def test_a_kernel_starts_in_its_environment_and_working_directory(short, tmp_path):
    folder = short / "activated"
    command("start", folder, "--cwd", str(tmp_path), "--activate", "export OF_ENV='a b'")
    talk = Talk(folder)

    output = printed(talk.run("import os; print(os.environ['OF_ENV'], os.getcwd())"))
    talk.request("restart")
    talk.event("restarting")
    again = printed(talk.run("import os; print(os.environ['OF_ENV'], os.getcwd())"))

    assert output == again == f"a b {tmp_path}\n"
    talk.request("shutdown")
    until_gone(folder)


@ROOT
def test_a_full_disk_is_reported_and_no_output_is_lost(short):
    disk = short / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        folder = disk / "run"
        command("start", folder)
        talk = Talk(folder)
        talk.run("1")
        (disk / "ballast").write_bytes(b"x" * 1_200_000)
        id_ = talk.ask("for i in range(20): print(i, 'x' * 50_000, flush=True)")

        wait_for(lambda: command("status", folder)["full"])
        full = command("status", folder)["full"]
        (disk / "ballast").unlink()
        entries = talk.until(lambda entry: idle(entry, id_))

        assert "No space left" in full
        assert printed(entry.message for entry in entries if entry.answers == id_) == "".join(
            f"{i} {'x' * 50_000}\n" for i in range(20)
        )
        assert command("status", folder)["full"] == ""
        talk.request("shutdown")
        until_gone(folder)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def wait_for(true):
    while not true():
        time.sleep(0.1)


def test_the_agent_gets_its_own_scope_if_systemd_kills_user_processes(short, tmp_path):
    (tmp_path / "busctl").write_text("#!/bin/sh\necho 'b true'\n")
    (tmp_path / "loginctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/output\n')
    (tmp_path / "systemd-run").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/output\nwhile [ "$1" != "{sys.executable}" ]; '
        'do shift; done; exec "$@"\n'
    )
    for program in ("busctl", "loginctl", "systemd-run"):
        (tmp_path / program).chmod(0o755)
    folder = short / "scoped"

    command("start", folder, PATH=f"{tmp_path}:{os.environ['PATH']}")

    linger, scope = (tmp_path / "output").read_text().splitlines()
    assert linger == "enable-linger"
    assert scope.startswith("--user --scope")
    end(folder)

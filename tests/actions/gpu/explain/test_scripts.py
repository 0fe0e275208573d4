"""The commands of `--explain` are what the magics for a GPU kernel send, and do it in a shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess

import asyncssh
import pytest

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.store import state

UPLOADS = ("umask 077; mkdir",)


@pytest.fixture
def run(gpu_run):
    return gpu_run


class Sent:
    """What is sent to the host: the commands, and the documents for the agent but its pings."""

    def __init__(self):
        self.commands, self.documents = [], []

    def clear(self):
        self.commands.clear()
        self.documents.clear()


@pytest.fixture
def sent(run, monkeypatch):
    seen = Sent()
    create = asyncssh.SSHClientConnection.create_process
    write = asyncssh.SSHWriter.write

    async def create_process(self, command, **options):
        seen.commands.append(command)
        return await create(self, command, **options)

    def write_documents(self, data):
        lines = data.splitlines() if isinstance(data, bytes) else []
        documents = [json.loads(line) for line in lines if line.startswith(b'{"op":')]
        seen.documents += [each for each in documents if each["op"] != "ping"]
        return write(self, data)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "create_process", create_process)
    monkeypatch.setattr(asyncssh.SSHWriter, "write", write_documents)
    return seen


@pytest.fixture
def paste(run):
    """Run a script in a shell; return what it prints."""

    def pasted(script):
        done = subprocess.run(
            ["/bin/sh", "-e"],
            input=script.replace("sleep 5", "sleep 2"),
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return pasted


def read_script(script):
    """Return the commands and documents that a script sends."""
    login = notebook_kernel.current().host.resolve_target()
    words = shlex.split(script, comments=True)
    behind = [
        words[at + 1] for at, word in enumerate(words) if word == f"{login.user}@{login.host}"
    ]
    commands = leave_out_attachment(each for each in behind if not each.startswith(UPLOADS))
    documents = [word.removesuffix(";") for word in words if word.startswith('{"op":')]
    return commands, [json.loads(each) for each in documents]


def leave_out_attachment(commands):
    """Leave out how the link reaches the agent: by its socket, or by a command if it cannot."""
    return [each for each in commands if not re.search(r"\.pyz (adopt|attach) ", each)]


def name_kind(document):
    """Return what a document asks of the agent, or of the kernel."""
    return document["m"]["header"]["msg_type"] if document["op"] == "send" else document["op"]


def comparable(value, home):
    """Return commands or documents without what differs each time, relative to the home folder."""
    text = json.dumps(value).replace(f"{home}/", "").replace("~/.dlm", ".dlm")
    text = re.sub(r"[0-9a-f]{32}", "HEX", text)
    text = re.sub(r'"allow_stdin": \w+', '"allow_stdin": null', text)
    return re.sub(r"20\d\d-\d\d-\d\dT[0-9:.+]+", "NOW", text)


def test_each_script_sends_what_the_magic_sends(run, sent, host_home):
    lines = {
        "%gpu_status": [],
        "%gpu_connect": ["exec sh -s"],  # what is installed is needed to explain it
        "%gpu_restart": [],
        "%%gpu\nx = 41": [],
    }
    for line, asked in lines.items():
        first, newline, cell = line.partition("\n")
        stored = state.read()
        sent.clear()

        script = run(f"{first} --explain{newline}{cell}")

        assert (sent.commands, sent.documents) == (asked, [])
        assert state.read() == stored
        commands, documents = read_script(script)
        sent.clear()
        run(line)
        really = leave_out_attachment(sent.commands)
        assert comparable(commands, host_home) == comparable(really, host_home)
        main = {name_kind(each): each for each in documents if each["op"] != "hello"}
        same = {name_kind(each): each for each in sent.documents if name_kind(each) in main}
        assert comparable(main, host_home) == comparable(same, host_home)


def test_the_commands_work_in_a_shell(run, paste, capsys):
    shown = paste(run("%%gpu --explain\npasted = 41; print('it' + ' ran')"))
    run("%%gpu\nprint(pasted + 1)")
    log = paste(run("%gpu_log --explain"))
    output = paste(run("%gpu_output --explain"))
    status = paste(run("%gpu_status --explain"))
    paste(run("%gpu_restart --explain"))
    capsys.readouterr()
    run("%%gpu\nprint('pasted' in dir())")

    assert "it ran" in shown
    assert "pasted = 41" in log
    assert '"op":"welcome"' in output.replace(" ", "")
    assert "keras" in status
    assert capsys.readouterr().out == "False\n"


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")
def test_rsync_leaves_sync_nothing_to_do_and_the_other_way_round(
    run, paste, host_home, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my data"
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "1.jpg").write_text("cat")
    (folder / "empty").mkdir()

    paste(run("%sync up 'my data' --explain"))
    again = run("%sync up 'my data'")
    (host_home / "my data" / "there.txt").write_text("there")
    (host_home / "my data" / "cats" / "1.jpg").unlink()
    paste(run("%sync down 'my data' --delete --explain"))

    assert (host_home / "my data" / "empty").is_dir()
    assert (again.files, again.unchanged) == (0, 1)
    assert (folder / "there.txt").read_text() == "there"
    assert not (folder / "cats" / "1.jpg").exists()


def test_what_is_only_stored_here_is_said(run, paste):
    disconnecting = run("%gpu_disconnect --explain")
    jupyter = run("%aws_nb --explain")

    assert disconnecting.startswith("# It stores in ")
    assert notebook_kernel.is_connected()
    paste(f"sh -n <<'END OF SCRIPT'\n{jupyter}\nEND OF SCRIPT\n")
    assert "-N -L" in jupyter

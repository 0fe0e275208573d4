"""The exported scripts do what they say, on the practice cloud, with the real aws command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.aws.network import security_group
from dl_magics.store import paths
from support import aws_cli, run_events, tiny_keras
from support.kernel import runner, shell_with_magics

HOSTILE = "it's $(touch hacked) `touch hacked` 50%"
SETTINGS = "--weights None --image-size 32 --epochs 3 --mixed-precision False --heads 1"


@pytest.fixture
def run(home):
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


@pytest.fixture
def call(aws_command, tmp_path):
    """Run an exported script from another folder; return what it prints."""

    def called(*words, fails=False):
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env=aws_cli.make_environment(aws_command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr[-2000:]
        return done.stderr if fails else done.stdout

    return called


def add_rules():
    """Let another address and the members into the group of this computer; return rules in words.

    The first is that of the other address, the second the one that was there.
    """
    session, name = context.load().session, access.our_name()
    (mine,) = security_group.describe_rules(session, name)
    (group,) = security_group.find_groups(session, name).values()
    own = mine.rpartition(" ")[2]
    security_group.authorize_sources(session, group, [own, "203.0.113.7/32"])
    security_group.authorize_members(session, group)
    return mine.replace(own, "203.0.113.7/32"), mine


def list_states():
    return [each.state for each in context.load().ec2.list_instances() if not each.gone]


def test_the_scripts_train_stop_start_terminate_and_launch(
    cloud_with_hosts, run, call, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder, images = tmp_path / f"scripts {HOSTILE}", tmp_path / HOSTILE
    for part in ("train", "valid"):
        tiny_keras.photos(images / part, n=8)
    run.shell.push({"images": str(images), "folder": str(folder), "name": HOSTILE})
    run('%aws_launch t2.micro --name "{name}" -y')
    trained = run(f'%finetune "{{images}}" {SETTINGS}')

    run('%aws_export "{folder}"')
    with (folder / "settings.sh").open("a") as settings:
        settings.write("PYTHON='~/.venvs/keras/bin/python'\n")  # as a person who knows better does
    shown = call(folder / "train.sh", images, "trained.keras")
    call(folder / "stop.sh")
    stopped = list_states()
    others, mine = add_rules()
    call(folder / "start.sh", "-y")
    rules = security_group.describe_rules(context.load().session, access.our_name())
    hello = call(folder / "connect.sh", "echo hello")
    refused = call(folder / "launch.sh", "-y", fails=True)
    call(folder / "terminate.sh", "-y")
    left = list_states()
    call(folder / "launch.sh", "-y")
    call(folder / "sync.sh", "up", images / "valid", "up here")
    call(folder / "sync.sh", "down", "up here/valid", "down here")

    assert (stopped, hello, left) == (["stopped"], "hello\n", [])
    assert others not in rules
    assert sorted(rules) == sorted([mine, security_group.MEMBERS])
    assert list_states() == ["running"]
    assert "./start.sh starts it" in refused
    assert not list(tmp_path.rglob("hacked"))
    accuracy = trained.best["val_accuracy"]
    assert f"accuracy on the validation images: {accuracy}" in shown
    assert (tmp_path / "trained.keras").is_file()
    there = tmp_path / "down here" / "valid"
    assert len(list(there.rglob("*.png"))) == 16


@pytest.fixture
def shellcheck():
    """Return what shellcheck finds in the scripts of a folder."""
    program = shutil.which("shellcheck") or Path(sys.executable).with_name("shellcheck")
    if not Path(program).exists():
        pytest.skip("shellcheck is not installed")

    def checked(folder):
        command = [program, "-x", *folder.glob("*.sh")]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        ).stdout

    return checked


@pytest.fixture
def exported(uni, ssh_commands, run, tmp_path):
    """The export of an instance and of a run that was not trained, with names to be quoted."""
    run.shell.push({"folder": str(tmp_path / "scripts"), "name": HOSTILE})
    run('%aws_launch t2.micro --name "{name}" --spot -y')
    images, weights = tmp_path / HOSTILE, tmp_path / f"{HOSTILE}.weights.h5"
    tiny_keras.photos(images, n=2)
    recipe = replace(tiny_keras.recipe(images), weights=str(weights)).to_json()
    events = run_events.make_events(run_events.epoch(1), **recipe)
    run_events.write_log(paths.data_folder("runs") / "2026-11-22_235400_vgg16_it-s", events)
    return run('%aws_export "{folder}"')


def test_the_scripts_need_no_dl_magics_and_shellcheck_finds_nothing(exported, shellcheck):
    scripts = [text for name, text in exported.files.items() if name.endswith(".sh")]

    assert "train.sh" in exported.files
    assert not [each for each in scripts if "-m dl_magics" in each or sys.executable in each]
    assert "dl_magics" not in exported.files["train.py"]
    compile(exported.files["train.py"], "train.py", "exec")
    assert shellcheck(exported.folder) == ""


def test_no_file_has_a_line_of_a_private_key(exported):
    private = [key for key in paths.data_folder("keys").iterdir() if key.suffix != ".pub"]
    secret = {line for key in private for line in key.read_text().splitlines()}

    written = [(exported.folder / name).read_text() for name in exported.files]

    assert secret
    assert [line for line in secret if any(line in text for text in written)] == []


def test_files_that_exist_are_replaced_only_if_that_is_asked(exported, run):
    stop, mine = exported.folder / "stop.sh", exported.folder / "notes.txt"
    written = stop.read_text()
    stop.write_text("mine")
    mine.write_text("mine")

    with pytest.raises(errors.CannotChange, match="maybe your changes") as refused:
        run('%aws_export "{folder}"')

    assert "--replace" in refused.value.fix
    assert stop.read_text() == "mine"
    run('%aws_export "{folder}" --replace')
    assert (stop.read_text(), mine.read_text()) == (written, "mine")


def test_without_images_no_script_trains_and_the_reason_is_said(exported, run, tmp_path):
    shutil.rmtree(tmp_path / HOSTILE)

    again = run('%aws_export "{folder}-2"')

    assert "train.py" not in again.files
    assert "No script trains, as the images of 2026-11-22" in str(again)

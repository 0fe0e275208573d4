"""What is said of runs; those on a host are in tests/actions/runs/test_remote_finetune.py."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.magics.interrupts.run import explain_training
from dl_magics.runs import log, remote_origin, stop_request
from dl_magics.runs.events import RunEnded
from dl_magics.training.run import Run
from support import run_events
from support.ec2_client import until
from support.kernel import runner

NAME = "2026-11-03_dogs"
ORIGIN = replace(run_events.ORIGIN, is_complete=False)


@pytest.fixture
def run(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    return runner(shell)


def write_run(home, ended=None, origin=None):
    folder = home / "runs" / NAME
    run_events.write_log(folder, run_events.make_events(run_events.epoch(1), ended=ended))
    if origin:
        remote_origin.save(folder, origin)
    return Run(folder)


def shown(error):
    return " ".join("\n".join(error._render_traceback_()).split())


def test_a_run_whose_host_does_not_receive_the_stop_is_not_said_to_end(home):
    going = write_run(home, origin=ORIGIN)

    said = shown(explain_training(going))

    assert f"The run {NAME} goes on: gpu has not received the request to stop it." in said
    assert f"%attach {NAME} --stop sends it again, until it arrives." in said
    assert stop_request.is_stop_requested(going.path)


def test_a_run_whose_model_was_being_fetched_is_not_resumed_but_attached(home):
    ended = write_run(home, RunEnded(status="done"), origin=ORIGIN)

    said = shown(explain_training(ended))

    assert said.endswith(f"The run {NAME} has ended: done. %attach {NAME} fetches its model.")
    assert not stop_request.is_stop_requested(ended.path)


def test_an_interrupt_of_attach_leaves_the_run_alone_and_says_what_ends_it(home, run, capsys):
    folder = home / "runs" / NAME
    folder.mkdir(parents=True)

    def interrupt():
        until(lambda: "epoch 1" in capsys.readouterr().out)
        os.kill(os.getpid(), signal.SIGINT)

    with log.LogWriter(folder) as writer:
        for event in run_events.make_events(run_events.epoch(1)):
            writer.append(event)
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt) as raised:
            run("%attach")

    said = shown(raised.value)
    assert f"The run {NAME} goes on. %attach {NAME} shows it again" in said
    assert f"%attach {NAME} --stop ends it." in said
    assert not stop_request.is_stop_requested(folder)


def test_attach_with_stop_ends_a_run_of_another_process(home, run):
    folder = home / "runs" / NAME
    folder.mkdir(parents=True)

    def train():
        story = run_events.make_events(run_events.epoch(1), ended=RunEnded(status="stopped"))
        with log.LogWriter(folder) as writer:
            for event in story[:-1]:
                writer.append(event)
            written.set()
            until(lambda: stop_request.is_stop_requested(folder))
            writer.append(story[-1])

    written = threading.Event()
    training = threading.Thread(target=train)
    training.start()
    written.wait()

    explained = str(run("%attach dogs --stop --explain"))
    is_asked = stop_request.is_stop_requested(folder)
    ended = run("%attach dogs --stop")
    training.join()

    assert explained.startswith(f"touch {folder}/stop\ntail ")
    assert not is_asked
    assert ended.status == "stopped"


def test_a_run_that_does_not_go_on_is_not_asked_to_stop(home, run):
    done = write_run(home, RunEnded(status="done"))

    with pytest.raises(errors.WrongState, match=f"The run {NAME} does not go on: it is done"):
        run("%attach --stop")

    assert not stop_request.is_stop_requested(done.path)

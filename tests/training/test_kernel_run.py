from __future__ import annotations

import os
import signal

import pytest

from dl_magics.errors import BadData, NotResumable
from dl_magics.runs import log, stop_request
from dl_magics.training import kernel_run
from support import tiny_keras
from support.backbones import small_model


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=6))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ran(data, shared, folder, send=lambda event: None, epochs=3, **asked):
    return kernel_run.run_and_send(
        tiny_keras.recipe(data, epochs=epochs).to_json(),
        str(folder),
        features=str(shared / "features"),
        weights=str(shared / "weights"),
        host={"name": "gpu"},
        send=send,
        **asked,
    )


def after(epoch, do):
    """Call `do` when an epoch is sent."""

    def send(event):
        if event["kind"] == "epoch_ended" and event["epoch"] == epoch:
            do()

    return send


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_each_event_is_logged_before_it_is_sent(data, shared, tmp_path):
    sent = []

    def send(event):
        assert list(log.read_events(tmp_path / "run"))[-1].to_json() == event
        sent.append(event)

    run = ran(data, shared, tmp_path / "run", send)

    assert [event["n"] for event in sent] == list(range(1, len(sent) + 1))
    assert sent[-1]["status"] == run.status == "done"
    assert run.state.host == {"name": "gpu"}
    assert {each.name for each in run.path.iterdir()} == {
        "recipe.json",
        "events.jsonl",
        "model.keras",
        "report.html",
        "evaluation",
    }


@pytest.mark.parametrize("way", ["file", "interrupt", "function"])
def test_every_kind_of_stop_ends_the_run_with_its_best_weights(data, shared, tmp_path, way):
    folder, asked = tmp_path / "run", []
    ways = {
        "file": lambda: stop_request.request_stop(folder),
        "interrupt": interrupt,
        "function": lambda: asked.append(1),
    }

    run = ran(data, shared, folder, after(1, ways[way]), epochs=100, stop=lambda: bool(asked))

    assert run.status == "stopped"
    assert len(run.history["loss"]) == 1
    assert (folder / "model.keras").is_file()


def test_an_aborted_run_is_resumed_with_the_same_numbers(data, shared, tmp_path):
    whole = ran(data, shared, tmp_path / "whole")
    sent = []

    def twice():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        ran(data, shared, tmp_path / "run", after(2, twice))
    run = ran(data, shared, tmp_path / "run", sent.append, resume=True)

    assert run.status == "done"
    assert run.history == whole.history
    assert sent[0]["kind"] == "run_resumed"
    assert [event.n for event in log.read_events(run.path)] == list(range(1, sent[-1]["n"] + 1))


def test_a_run_that_fails_before_its_start_leaves_no_folder(shared, tmp_path):
    with pytest.raises(BadData):
        ran(tmp_path / "nowhere", shared, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_other_files_in_the_folder_of_a_failed_run_are_kept(shared, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")

    with pytest.raises(BadData):
        ran(tmp_path / "nowhere", shared, tmp_path / "run")

    assert [each.name for each in (tmp_path / "run").iterdir()] == ["notes.txt"]


def test_a_folder_that_holds_a_run_is_refused(data, shared, tmp_path):
    ran(data, shared, tmp_path / "run", stop=lambda: True)
    before = (tmp_path / "run" / log.FILE_NAME).read_bytes()

    with pytest.raises(NotResumable) as caught:
        ran(data, shared, tmp_path / "run")

    assert "%finetune --resume run" in caught.value.fix
    assert (tmp_path / "run" / log.FILE_NAME).read_bytes() == before

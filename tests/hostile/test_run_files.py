"""What a hostile host says of its runs: where they come from, and which files they have."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from dl_magics.actions.runs import remote_files, remote_runs
from dl_magics.errors import CommandFailed, DamagedRun, NotTrained
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.store import paths
from dl_magics.training.run import Run
from support import run_events, tiny_keras

HOST = {"alias": "i-1", "name": "gpu", "identity": None}
FOLDER = ".dl_magics/runs/a"
KERNEL = {
    "python": "/usr/bin/python3",
    "activate": "",
    "kernel_folder": "~/.dlm/1",
    "msg_id": "m1",
    "since": 7,
    "run_folder": FOLDER,
}
HTML = "<img src=x onerror=\"document.title='taken'\">"


@pytest.mark.parametrize(
    "said",
    [
        {"host": {"alias": "root@192.0.2.1", "name": "gpu", "identity": None}},
        {"is_complete": True},
        {"kernel_died": True},
        {"model_sha256": "0" * 64},
        {"run_folder": "../../.ssh"},
        {"run_folder": "/etc"},
        {"python": None},
        {"python": ["/usr/bin/python3"]},
        {"activate": "conda activate gpu\nrm -rf ~"},
        {"kernel_folder": "~/.dlm/\x1b[2J"},
        {"msg_id": "m" * 4097},
        {"since": -1},
        {"since": True},
        {"since": 2**60},
        {"since": HTML},
    ],
    ids=repr,
)
def test_a_host_says_no_more_than_how_its_kernel_is_found(tmp_path, said):
    (tmp_path / "kernel.json").write_text(json.dumps({**KERNEL, **said}))

    with pytest.raises(DamagedRun, match=r"kernel\.json of the run"):
        remote_origin.adopt(tmp_path, HOST, FOLDER)

    assert remote_origin.load(tmp_path) is None


def test_a_log_does_not_name_the_program_that_predicts(tmp_path):
    folder = tmp_path / "runs" / "a"
    started = run_events.started().to_json()
    host = {"local": True, "theano": {"python": sys.executable, "home": str(tmp_path)}}
    folder.mkdir(parents=True)
    line = {**started, "n": 1, "host": host, "versions": {"backend": "theano"}}
    (folder / log.FILE_NAME).write_text(json.dumps(line) + "\n")
    (folder / "model.h5").write_bytes(b"x")

    with pytest.raises(NotTrained, match="this computer has no interpreter with Theano"):
        Run(folder).predict(tiny_keras.photo(tmp_path / "a.png", "red", 1))


def plant(host_home, name, *lines, kernel=None, **files):
    """Put a run on the host, as if it was left there by another computer."""
    folder = host_home / FOLDER / ".." / name
    folder.mkdir(parents=True)
    named = {**KERNEL, "run_folder": f".dl_magics/runs/{name}"}
    (folder / "kernel.json").write_text(json.dumps(kernel or named))
    story = [event.to_json() for event in run_events.make_events()]
    text = "".join(json.dumps(line) + "\n" for line in [*story, *lines])
    (folder / "events.jsonl").write_text(text)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


def saved(name):
    return paths.data_folder("runs") / name


def test_an_event_that_is_not_valid_is_reported_and_not_shown(gpu_run, host_home):
    epoch = {**run_events.epoch(1).to_json(), "n": 2, "t": 1.6e9, "epoch": HTML}
    ended = {**RunEnded(status="done").to_json(), "n": 3, "t": 1.6e9}
    plant(host_home, "html", epoch, ended)

    run = gpu_run("%attach html")

    assert run.status == "done"
    assert run.state.epochs == ()
    assert run.state.warnings[0]["text"].startswith("Event 2 of the host is not valid")
    report = (run.path / "report.html").read_text()
    assert "Event 2 of the host is not valid" in report
    assert "<img src=x" not in report
    assert json.loads((run.path / "recipe.json").read_text()) == run.state.recipe


def test_a_run_cannot_replace_what_leads_to_its_host(gpu_run, host_home):
    elsewhere = json.dumps({**KERNEL, "host": {"alias": "root@192.0.2.1", "name": "x"}}).encode()
    files = {"remote_origin.json": hashlib.sha256(elsewhere).hexdigest()}
    ended = {**RunEnded(status="done", files=files).to_json(), "n": 2, "t": 1.6e9}
    plant(host_home, "owned", ended, **{"remote_origin.json": elsewhere})

    for _ in range(2):
        with pytest.raises(DamagedRun, match="not a file that a run produces"):
            gpu_run("%attach owned")

    assert remote_origin.load(saved("owned")).host["name"] == "gpu"
    assert b"192.0.2.1" not in (saved("owned") / "remote_origin.json").read_bytes()


def test_a_model_that_is_too_large_is_not_copied(gpu_run, host_home, monkeypatch):
    monkeypatch.setattr(remote_files, "_MAX_BYTES", 1000)
    model = bytes(2000)
    files = {"model.keras": hashlib.sha256(model).hexdigest()}
    ended = {**RunEnded(status="done", files=files).to_json(), "n": 2, "t": 1.6e9}
    plant(host_home, "large", ended, **{"model.keras": model})

    with pytest.raises(CommandFailed, match=r"sends more than 1,000 bytes for \.keras"):
        gpu_run("%attach large")

    assert not [each for each in saved("large").iterdir() if "model" in each.name]


@pytest.mark.parametrize("name", ["events.jsonl", "kernel.json"])
def test_a_description_that_is_too_large_creates_no_run(gpu_run, host_home, monkeypatch, name):
    folder = plant(host_home, f"long-{name[0]}")
    monkeypatch.setattr(remote_runs, "_FILES", dict.fromkeys(remote_runs._FILES, 10_000))
    with (folder / name).open("ab") as file:
        file.write(b" " * 70_000)

    with pytest.raises(CommandFailed, match="sends more than 10,000 bytes"):
        gpu_run(f"%attach {folder.name}")

    assert not saved(folder.name).exists()
    shutil.rmtree(folder)


def test_a_run_whose_name_leads_elsewhere_is_not_listed(gpu_run, host_home):
    runs = host_home / ".dl_magics" / "runs"
    for name in ("-rf", "a b", "\x1b[2J", "$(id)", HTML.replace("/", "")):
        (runs / name).mkdir(parents=True)
        (runs / name / "kernel.json").write_text(json.dumps(KERNEL))

    shown = repr(gpu_run("%runs"))

    assert not [name for name in ("-rf", "a b", "\x1b", "$(", "<img") if name in shown]
    assert Path(runs).exists()

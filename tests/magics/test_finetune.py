from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from dl_magics.runs.events import RunEnded
from dl_magics.training import recorder
from dl_magics.training.run import Run
from support import run_events, tiny_keras

FLAGS = (
    "--weights None --image-size 32 --dense [8] --heads 1 --batch-size 8 "
    "--mixed-precision False --epochs 2"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("some photos") / "colours", n=6)


@pytest.fixture
def shell(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    return shell


def lines(capsys):
    shown = capsys.readouterr()
    return (shown.out + shown.err).strip().splitlines()


def refused(shell, capsys, cell):
    result = shell.run_cell(cell)
    assert not result.success
    return lines(capsys)


def runs_in(home):
    return list((home / "runs").iterdir()) if (home / "runs").exists() else []


def test_a_cell_trains_and_returns_its_run(shell, data, home, capsys):
    settings = (
        "weights = None\nimage_size = 32\ndense = [small]\nepochs = 2\n"
        "batch_size = 8\nmixed_precision = False\n"
    )
    shell.push({"DATA": str(data), "small": 8})

    result = shell.run_cell(f"%%finetune '{{DATA}}'\n{settings}")

    run = result.result
    assert result.success
    assert isinstance(run, Run)
    assert run.status == "done"
    assert run.path.parent == home / "runs"
    assert len(run.history["loss"]) == 2
    saved = json.loads((run.path / "recipe.json").read_text("utf-8"))
    assert (saved["data"], saved["dense"]) == (str(data), [8])
    shown = lines(capsys)
    assert shown[0] == "Trains on this computer: no GPU kernel is connected to this notebook."
    assert shown[1] == "features: 0 of 12 images"
    assert shown[2] == "head: 0 of 2 epochs"
    assert [line[:8] for line in shown[3:5]] == ["epoch 1:", "epoch 2:"]
    assert shown[5] == "evaluate: 0 of 2 images"
    assert shown[6].endswith(" · done")


TRACKIO = """
calls = []

class Run:
    def log(self, values, step=None):
        calls.append((step, values))

    def finish(self):
        calls.append("finish")

def init(**options):
    calls.append(options["name"])
    return Run()
"""


@pytest.fixture
def trackio(tmp_path, monkeypatch):
    """A module in place of Trackio's; it keeps its calls."""
    (tmp_path / "trackio.py").write_text(TRACKIO)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda: sys.modules["trackio"].calls
    sys.modules.pop("trackio", None)


def test_a_line_trains_and_its_run_can_be_assigned(shell, data, capsys, trackio):
    shell.push({"DATA": str(data)})

    shell.run_cell(f"run = %finetune '{{DATA}}' {FLAGS} --trackio pets")

    run = shell.user_ns["run"]
    assert run.status == "done"
    assert run.classes == ["blue", "red"]
    assert run.predict(data / "red").skipped == {}
    # Each epoch was sent while it trained.
    name, *epochs, totals, end = trackio()
    assert (name, end) == (run.name, "finish")
    assert [(step, values["loss"]) for step, values in epochs] == [
        (n, loss) for n, loss in enumerate(run.history["loss"], start=1)
    ]
    assert totals[1]["seconds"] > 0
    assert "Trackio: trackio show --project pets, in a terminal" in lines(capsys)


def test_the_listed_runs_are_sent_afterwards(shell, home, trackio):
    for name in ("2026-11-03_cats", "2026-11-04_dogs"):
        run_events.write_log(
            home / "runs" / name,
            run_events.make_events(run_events.epoch(1), ended=RunEnded(status="done")),
        )

    said = shell.run_cell("%runs cats --trackio pets").result

    assert said.startswith("1 of 1 runs sent.")
    assert trackio()[0] == "2026-11-03_cats"
    assert len(trackio()) == 4


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            "%%finetune photos\nepocs = 3",
            ["BadSetting: epocs = 3: there is no setting 'epocs'.", "  Nearest: epochs."],
        ),
        ("%%finetune photos\nepochs = 0", ["BadSetting: epochs = 0 is not", "  epochs is a whole"]),
        (
            "%%finetune photos\nepochs = three",
            ["BadSetting: The name 'three' is not defined", "  "],
        ),
        (
            "%%finetune photos\nmodel = 'VGG61'",
            ["BadSetting: model = 'VGG61' is none", "  Nearest"],
        ),
        ("%finetune", ["BadSetting: %%finetune got no image folder.", "  Give a folder"]),
        ("%finetune photos --epochs", ["BadSetting: --epochs has no value.", "  Add it"]),
        ("%finetune --resume", ["NoSuchRun: There are no runs yet.", "  %%finetune data"]),
        ("%finetune --resume it", ["NoSuchRun: No run matches 'it'.", "  %%finetune data"]),
        (
            "%%finetune --resume\nepochs = 9",
            ["BadSetting: --resume takes no cell body, got: epochs", "  A resumed run keeps its"],
        ),
        (
            "%finetune photos --resume",
            ["BadSetting: --resume takes the name of one run and no other", "  Leave out the"],
        ),
        (
            "%finetune --resume it --explain",
            ["NoSuchRun: No run matches 'it'.", "  %%finetune data"],
        ),
        ("%finetune --resume --epochs 9", ["BadSetting: --resume takes the name of one run", "  "]),
        ("%attach nothing", ["NoSuchRun: No run matches 'nothing'.", "  %%finetune data"]),
    ],
)
def test_invalid_input_is_refused_in_two_lines_before_the_start(
    shell, home, capsys, cell, expected
):
    shown = refused(shell, capsys, cell)

    assert len(shown) == 2
    assert all(line.startswith(start) for line, start in zip(shown, expected, strict=True))
    assert runs_in(home) == []


IN_A_NEW_PROCESS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "dl_magics")
refused = []
for cell in json.loads(sys.argv[1]):
    error = shell.run_cell(cell).error_in_exec
    refused.append([f"{type(error).__name__}: {error}", "keras" in sys.modules])
print(json.dumps(refused))
"""


def test_what_needs_no_keras_is_refused_before_it_is_imported(home, tmp_path):
    tiny_keras.photos(tmp_path / "photos", n=3)
    spoilt = tiny_keras.photos(tmp_path / "spoilt", n=3)
    for each in spoilt.rglob("*.png"):
        each.write_text("rain")
    cells = {
        "%finetune photos --epocs 3": "BadSetting: epocs = 3: there is no setting",
        "%finetune photo": "BadData: 'photo' does not exist.",
        "%finetune photos/red": "BadData: 'photos/red' has no class folders.",
        "%finetune spoilt": "BadData: 6 of 6 files in spoilt are not valid images",
        "%finetune photos --weights mine.h5": "BadSetting: weights = 'mine.h5': there is no such",
        "%finetune --resume": "NoSuchRun: There are no runs yet.",
    }

    done = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, json.dumps(list(cells))],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    refused = json.loads(done.stdout.splitlines()[-1])
    for (said, has_keras), start in zip(refused, cells.values(), strict=True):
        assert said.startswith(start)
        assert not has_keras
    assert runs_in(home) == []


@pytest.mark.parametrize("data", ["nowhere", "~nobody-has-this-name/photos"])
def test_missing_images_are_refused_and_leave_no_folder(shell, home, capsys, data):
    _, *shown = refused(shell, capsys, f"%finetune {data} {FLAGS}")

    assert len(shown) == 2
    assert shown[0].startswith("BadData: ")
    assert shown[1].startswith("  ")
    assert runs_in(home) == []


def test_attach_shows_a_run_from_its_first_event(shell, home, capsys):
    story = run_events.make_events(
        run_events.epoch(1), run_events.epoch(2, best=False), ended=RunEnded(status="stopped")
    )
    run_events.write_log(home / "runs" / "2026-11-03_dogs", story)

    run = shell.run_line_magic("attach", "dogs")

    assert run.name == "2026-11-03_dogs"
    shown = lines(capsys)
    assert [line.split(":")[0] for line in shown[:2]] == ["epoch 1", "epoch 2"]
    assert shown[2].endswith(" · stopped before there were weights to keep")


def test_attach_without_a_name_shows_the_newest_run(shell, home):
    for name in ("2026-11-03_dogs", "2026-11-04_dogs"):
        run_events.write_log(
            home / "runs" / name, run_events.make_events(ended=RunEnded(status="done"))
        )

    assert shell.run_line_magic("attach", "").name == "2026-11-04_dogs"


@pytest.mark.parametrize("cell", ["%finetune --resume", "%%finetune --resume=broken\n\n"])
def test_resume_continues_an_interrupted_run(shell, data, home, capsys, cell):
    recipe = tiny_keras.recipe(data, epochs=2)
    paths = tiny_keras.paths(home / "runs", "2026-11-03_broken")
    events = recorder.record_new_run(recipe, replace(paths, features=home / "features"))
    while next(events).kind != "epoch_ended":
        pass
    events.close()
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    explained = str(shell.run_cell("%finetune --explain --resume").result)

    assert kept == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert "# Trains on this computer, where the run began." in explained
    assert f"# It reads {paths.run}/checkpoint.npz, and trains on from its first" in explained
    assert "head.fit(" in explained
    capsys.readouterr()

    result = shell.run_cell(cell)

    assert result.success
    assert result.result.path == paths.run
    assert result.result.status == "done"
    assert len(result.result.history["loss"]) == 2
    shown = lines(capsys)
    assert shown[0] == "Trains on this computer, where the run began."
    assert [line[:8] for line in shown if line.startswith("epoch")] == ["epoch 1:", "epoch 2:"]
    assert [line for line in shown if line.endswith(" · done")]


def test_resume_of_a_run_that_is_done_says_what_to_type(shell, home, capsys):
    run_events.write_log(
        home / "runs" / "2026-11-03", run_events.make_events(ended=RunEnded(status="done"))
    )

    _, *shown = refused(shell, capsys, "%finetune --resume 2026-11-03")

    assert shown == [
        "NotResumable: The run 2026-11-03 has already ended with the status done.",
        "  For a new run, run the cell again (its features are kept) · see it: %attach 2026-11-03",
    ]

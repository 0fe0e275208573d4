"""`%features` in a notebook without a host; tests/actions/runs/test_remote_finetune.py has one."""

from __future__ import annotations

import os
import time

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import errors
from dl_magics.actions.features.storage import describe_age
from dl_magics.runs.log import LogWriter
from dl_magics.store import paths
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.storage import spaces
from support import run_events
from support.kernel import runner, shell_with_magics

RUN = "2026-11-22_235400_vgg16_dogscats"
DAY = 86_400


@pytest.fixture
def run(home):
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


def make_space(model, megabytes, days=0):
    """Make the features of a network, last used so many days ago; return their folder."""
    store = FeatureStore(paths.data_folder("features"), {"model": model, "image_size": 224}, (1,))
    spaces.record_user(store.folder, RUN)
    (store.folder / "1.block").write_bytes(bytes(int(megabytes * 1e6)))
    for each in store.folder.iterdir():
        os.utime(each, (time.time() - days * DAY - 60,) * 2)
    return store.folder


@pytest.fixture
def kept(home):
    """Features of two networks, and a run that used them."""
    run_events.write_log(paths.data_folder("runs") / RUN, run_events.make_events())
    return make_space("VGG16", 3, days=40), make_space("ResNet50", 1)


def test_features_and_runs_are_listed_with_size_age_and_use(run, kept):
    shown = run("%features")

    text = repr(shown)
    assert "On this computer: features 4 MB, runs " in text
    lines = [line.split("  ") for line in text.splitlines()[3:]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    where = "this computer"
    assert cells[0] == ["features", "VGG16, 224 px", "3 MB", "40 days ago", RUN, where]
    assert cells[1] == ["features", "ResNet50, 224 px", "1 MB", "less than an hour ago", RUN, where]
    assert cells[2][:2] == ["1 run", "vgg16"]
    assert "<td" in shown._repr_html_()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ("", []),
        ("--model vgg16", ["ResNet50"]),
        ("--larger-than 2MB", ["ResNet50"]),
        ("--larger-than 0.5", []),
        ("--older-than 30d", ["ResNet50"]),
        ("--older-than 30 --larger-than 1GB", ["ResNet50", "VGG16"]),
        ("--model Xception", ["ResNet50", "VGG16"]),
    ],
)
def test_features_are_deleted_by_model_size_and_age(run, kept, options, left, capsys):
    said = run(f"%features --clear -y {options}")

    assert sorted(spaces.read_description(each)["model"] for each in kept if each.exists()) == left
    assert ("No features to delete" in said) == (len(left) == 2)
    assert (paths.data_folder("runs") / RUN).is_dir()


def test_the_question_names_what_would_be_deleted_and_no_answer_deletes_nothing(run, kept, capsys):
    with pytest.raises(errors.DLMagicsError):
        run("%features --clear")
    assert all(each.is_dir() for each in kept)

    said = run("%features --clear -y --model VGG16")

    asked = capsys.readouterr().out
    assert "Delete features, 3 MB: VGG16, 224 px on this computer (3 MB, used 40 days ago)" in asked
    assert said == "Deleted features: 3 MB are free again."


def test_what_a_run_that_goes_on_needs_is_kept_and_named(run, kept):
    with LogWriter(paths.data_folder("runs") / RUN):
        said = run("%features --clear -y")

    assert said.startswith("No features to delete; kept, as a run that is going on needs them: ")
    assert "VGG16, 224 px" in said
    assert all(each.is_dir() for each in kept)


@pytest.mark.parametrize("option", ["--larger-than much", "--older-than soon", "--older-than -1"])
def test_a_limit_that_is_not_valid_is_refused(run, home, option):
    with pytest.raises(errors.UserError):
        run(f"%features --clear -y {option}")


def test_the_connected_host_is_required_where_it_is_named(run, home):
    with pytest.raises(errors.NotConnected):
        run("%features --there")


def test_the_lines_of_a_shell_that_do_the_same(run, kept):
    listed, cleared = run("%features --explain"), run("%features --clear --model VGG16 --explain")

    assert str(listed).startswith("du -sh ")
    assert str(cleared) == f"rm -r {kept[0]}"
    assert all(each.is_dir() for each in kept)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than an hour ago"),
        (3600, "1 hour ago"),
        (2 * DAY - 1, "1 day ago"),
        (9 * DAY, "9 days ago"),
    ],
)
def test_an_age_is_told_in_the_largest_unit(seconds, text):
    assert describe_age(seconds) == text

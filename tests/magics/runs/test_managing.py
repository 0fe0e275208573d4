from __future__ import annotations

import errno
import shutil
import zipfile
from contextlib import ExitStack, chdir
from pathlib import Path

import pytest

from dl_magics.runs import tag
from dl_magics.runs.events import RunEnded
from dl_magics.runs.log import LogWriter
from support import run_events


@pytest.fixture
def shell(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    return shell


@pytest.fixture
def two(home):
    """Two runs that are done."""
    for name in ("2026-11-03_dogs", "2026-11-04_cats"):
        run_events.write_log(
            home / "runs" / name,
            run_events.make_events(run_events.epoch(1), ended=RunEnded(status="done")),
        )


def lines(capsys):
    shown = capsys.readouterr()
    return (shown.out + shown.err).strip().splitlines()


def refused(shell, capsys, cell):
    result = shell.run_cell(cell)
    assert not result.success
    return lines(capsys)


def runs_in(home):
    return list((home / "runs").iterdir()) if (home / "runs").exists() else []


def test_runs_lists_all_or_matching_runs(shell, home):
    done = RunEnded(status="done")
    for name in ("2026-11-03_vgg16_dogs", "2026-11-04_vgg16_cats"):
        run_events.write_log(home / "runs" / name, run_events.make_events(ended=done))

    every = shell.run_line_magic("runs", "")
    dogs = shell.run_line_magic("runs", "dogs")

    assert [line.split()[0] for line in repr(every).splitlines()[2:]] == [
        "2026-11-04_vgg16_cats",
        "2026-11-03_vgg16_dogs",
    ]
    assert [run.name for run in dogs] == ["2026-11-03_vgg16_dogs"]


def test_a_run_is_deleted_by_its_full_name_after_a_question(shell, home, capsys, monkeypatch):
    done = RunEnded(status="done")
    for name in ("2026-11-03_dogs", "2026-11-04_cats"):
        run_events.write_log(home / "runs" / name, run_events.make_events(ended=done))
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "no")

    partly = refused(shell, capsys, "%runs --delete dogs")
    denied = refused(shell, capsys, "%runs --delete 2026-11-03_dogs")
    kept = len(runs_in(home))
    deleted = shell.run_line_magic("runs", "--delete 2026-11-03_dogs -y")

    assert partly[0] == "NoSuchRun: No run is called 'dogs'."
    assert denied[0] == "NotConfirmed: Nothing was changed."
    assert asked[0].startswith("Delete this run with model and report, ")
    assert "2026-11-03_dogs" in asked[0]
    assert kept == 2
    assert deleted.startswith("Deleted: 2026-11-03_dogs (")
    assert [folder.name for folder in runs_in(home)] == ["2026-11-04_cats"]


def test_a_running_run_is_not_deleted(shell, home, capsys):
    folder = home / "runs" / "2026-11-03_dogs"
    folder.mkdir(parents=True)
    with LogWriter(folder) as log:
        log.append(run_events.make_events()[0])
        shown = refused(shell, capsys, "%runs --delete 2026-11-03_dogs -y")

    assert shown == [
        "WrongState: The run 2026-11-03_dogs is running.",
        "  Stop it first: %attach 2026-11-03_dogs --stop",
    ]
    assert runs_in(home) == [folder]


def test_a_run_that_is_resumed_while_the_question_waits_is_not_deleted(
    shell, home, two, capsys, monkeypatch
):
    with ExitStack() as another_notebook:

        def answer(question):
            another_notebook.enter_context(LogWriter(home / "runs" / "2026-11-03_dogs"))
            return "yes"

        monkeypatch.setattr("builtins.input", answer)
        shown = refused(shell, capsys, "%runs --delete 2026-11-04_cats 2026-11-03_dogs")

    assert shown[0].startswith(
        "WrongState: The run 2026-11-03_dogs is running. Deleted: 2026-11-04"
    )
    assert shown[1:] == ["  Stop it first: %attach 2026-11-03_dogs --stop"]
    assert [folder.name for folder in runs_in(home)] == ["2026-11-03_dogs"]


def test_a_run_that_lies_elsewhere_by_a_link_is_not_deleted(shell, home, two, tmp_path, capsys):
    elsewhere = (home / "runs" / "2026-11-03_dogs").rename(tmp_path / "elsewhere")
    link = home / "runs" / "2026-11-03_dogs"
    link.symlink_to(elsewhere)

    shown = refused(shell, capsys, "%runs --delete 2026-11-03_dogs -y")

    assert shown == [
        f"CannotChange: The folder of the run 2026-11-03_dogs is a symbolic link to {elsewhere}; "
        "it is not deleted.",
        f"  Remove the link, which leaves that folder as it is: !rm {link}",
    ]
    assert (link / "events.jsonl").exists()


def test_a_run_that_cannot_be_deleted_is_named_with_those_that_were_deleted(
    shell, home, two, capsys, monkeypatch
):
    run = home / "runs" / "2026-11-03_dogs"

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    rmtree = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda path: (refuse if Path(path) == run else rmtree)(path)
    )
    shown = refused(shell, capsys, "%runs --delete 2026-11-04_cats 2026-11-03_dogs -y")

    assert shown[1].startswith(
        f"CannotChange: The run 2026-11-03_dogs was not deleted completely: {run}: Permission "
        "denied. Deleted: 2026-11-04_cats ("
    )
    assert shown[2:] == [f"  Check the permissions, then delete what is left: !rm -r {run}"]


def test_runs_without_runs_says_how_to_create_one(shell, capsys):
    shell.run_cell("%runs")

    assert "No runs yet: %%finetune data/dogscats creates one." in lines(capsys)[0]


def test_two_runs_are_compared_in_one_object(shell, two):
    shown = shell.run_line_magic("runs", "--compare dogs cats")

    assert repr(shown).splitlines()[:2] == ["A: 2026-11-03_dogs", "B: 2026-11-04_cats"]
    assert "<svg" in shown._repr_html_()


def test_a_tag_is_listed_finds_its_run_and_is_removed(shell, two, home):
    tagged = shell.run_line_magic("runs", "--tag dogs five heads # the first try")
    listed = shell.run_line_magic("runs", "five")
    shown = repr(listed)
    found = shell.run_line_magic("runs", "--compare 'five heads' cats")
    removed = shell.run_line_magic("runs", "--tag dogs ''")

    assert tagged == "2026-11-03_dogs is tagged: five heads"
    assert [run.name for run in listed] == ["2026-11-03_dogs"]
    assert "five heads" in shown
    assert "A: 2026-11-03_dogs (five heads)" in repr(found)
    assert removed == "2026-11-03_dogs has no tag any more (it was: five heads)."
    assert not (home / "runs" / "2026-11-03_dogs" / tag.FILE_NAME).exists()


def test_an_export_replaces_a_file_only_after_a_question(shell, two, tmp_path, capsys, monkeypatch):
    (tmp_path / "mine.zip").write_text("mine")
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "no")

    with chdir(tmp_path):
        denied = refused(shell, capsys, "%runs --export dogs mine.zip")
        kept = (tmp_path / "mine.zip").read_text()
        shell.run_line_magic("runs", "--export dogs mine.zip -y")
        shell.run_line_magic("runs", "--export cats")

    assert denied[0] == "NotConfirmed: Nothing was changed."
    assert asked[0].startswith("Replace mine.zip")
    assert kept == "mine"
    assert zipfile.is_zipfile(tmp_path / "mine.zip")
    assert zipfile.is_zipfile(tmp_path / "2026-11-04_cats.zip")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("--compare dogs", ["BadSetting: --compare takes 2 to 8 runs", "  Name them"]),
        ("--tag dogs", ["BadSetting: --tag got no text for dogs.", "  %runs --tag dogs baseline"]),
        ("--export dogs a b", ["BadSetting: --export takes a run and a file", "  A name with"]),
        (
            "cats --compare dogs --tag x y",
            ["BadSetting: %runs does one thing at a time, got --compare and --tag", "  Give each"],
        ),
        ("--tag frogs x", ["NoSuchRun: No run matches 'frogs'.", "  %runs lists them."]),
    ],
)
def test_what_cannot_be_done_is_said_in_two_lines(shell, two, capsys, line, shown):
    found = refused(shell, capsys, f"%runs {line}")

    assert len(found) == 2
    for begin, whole in zip(shown, found, strict=True):
        assert whole.startswith(begin)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("--compare dogs cats", "# It reads "),
        ("--tag dogs five heads", "echo 'five heads' > "),
        ("--export dogs", "zip "),
        ("--delete 2026-11-03_dogs", "rm -r "),
    ],
)
def test_each_action_is_explained_and_changes_nothing(shell, two, home, line, command):
    before = sorted(home.rglob("*"))

    explained = shell.run_line_magic("runs", f"{line} --explain")

    assert command in str(explained)
    assert "2026-11-03_dogs" in str(explained)
    assert sorted(home.rglob("*")) == before

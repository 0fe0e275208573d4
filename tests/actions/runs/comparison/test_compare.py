from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from dl_magics.actions.runs.comparison.compare import compare_runs
from dl_magics.errors import BadSetting, NoSuchRun
from dl_magics.runs.events import DataChecked, EpochEnded, RunEnded
from dl_magics.runs.tag import write_tag
from support import run_events

GPU = {
    "name": "gpu",
    "type": "g4dn.xlarge",
    "dollars_per_hour": 3600.0,
    "price_day": "2026-11-26",
}
SCRIPT = "<script>alert(1)</script>"


def epoch(n, val_accuracy, val_loss=0.5):
    logs = {"loss": 0.5, "accuracy": 0.9, "val_loss": val_loss, "val_accuracy": val_accuracy}
    return EpochEnded(phase="head", epoch=n, logs=logs, best=True)


@pytest.fixture
def make(home):
    """Write a run of 100 validation images."""

    def write(name, val_accuracy, *, host=None, digest="0" * 64, **recipe):
        started = replace(
            run_events.started(**recipe),
            run=name,
            counts={"train": {"cats": 400}, "valid": {"cats": 100}},
            host=host or {"local": True},
        )
        events = [
            started,
            DataChecked(images=500, digests={"train": "1" * 64, "valid": digest}),
            epoch(1, 0.5, 0.9),
            epoch(2, val_accuracy),
            RunEnded(status="done"),
        ]
        return run_events.write_log(home / "runs" / name, run_events.stamp(events))

    return write


def rows(comparison):
    return {row.name: row.cells for group in comparison.groups for row in group.rows}


def test_settings_that_differ_are_rows_and_equal_ones_are_named_once(make):
    make("2026-11-22_a", 0.9, learning_rate=0.001, dense=[256])
    make("2026-11-23_b", 0.9, learning_rate=0.01, dense=[256], unfreeze="block5")

    found = compare_runs(["2026-11-22", "2026-11-23"])

    assert rows(found)["learning_rate"] == ("0.001", "0.01")
    assert rows(found)["unfreeze"] == ("–", "block5")
    assert "dense" not in rows(found)
    assert "dense = [256]" in found.equal
    assert "learning_rate" not in found.equal


def test_accuracy_has_its_interval_and_dollars_the_day_of_their_price(make):
    make("2026-11-22_a", 0.9)
    make("2026-11-23_b", 0.95, host=GPU)

    found = rows(compare_runs(["_a", "_b"]))

    # Wilson 1927: 90 and 95 of 100.
    assert found["val_accuracy"] == ("90.0 % (82.6 to 94.5 %)", "95.0 % (88.8 to 97.8 %)")
    assert found["cost"] == ("nothing", "$2.00 (2026-11-26)")
    assert found["duration"] == ("2 s", "2 s")
    assert found["computer"] == ("this computer", "gpu (g4dn.xlarge)")
    assert found["best epoch"] == ("2 of 2", "2 of 2")


def test_it_is_shown_as_text_and_as_a_table_with_curves(make):
    write_tag(make("2026-11-22_a", 0.9), "baseline")
    make("2026-11-23_b", 0.6)

    found = compare_runs(["baseline", "_b"])

    text, html = repr(found), found._repr_html_()
    assert text.splitlines()[:2] == ["A: 2026-11-22_a (baseline)", "B: 2026-11-23_b"]
    assert "90.0 % (82.6 to 94.5 %)" in text
    pictures = [ElementTree.fromstring(each) for each in re.findall(r"<svg role.*?</svg>", html)]
    assert [each.attrib["aria-label"] for each in pictures] == [
        "val_loss by epoch, at the best: A 0.5000 in epoch 2; B 0.5000 in epoch 2",
        "val_accuracy by epoch, at the best: A 0.9000 in epoch 2; B 0.6000 in epoch 2",
    ]
    assert '<th scope="row"' in html
    assert "baseline" in html
    for line in found.verdicts:
        assert line in text


def test_names_and_settings_are_shown_as_text(make):
    write_tag(make("2026-11-22_a", 0.9, model=SCRIPT), f"{SCRIPT}\x1b[2J")
    make("2026-11-23_b", 0.6)

    found = compare_runs(["_a", "_b"])

    assert "<script" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert "\x1b" not in found._repr_html_() + repr(found)


def test_a_run_without_an_epoch_can_be_compared(make, home):
    make("2026-11-22_a", 0.9)
    failed = [run_events.started(), RunEnded(status="failed", error="no", fix="yes")]
    run_events.write_log(home / "runs" / "2026-11-23_b", run_events.stamp(failed))

    found = compare_runs(["_a", "_b"])

    assert rows(found)["val_accuracy"][1] == "–"
    assert rows(found)["status"] == ("done", "failed")
    assert found.verdicts == ()
    assert "<svg" in found._repr_html_()


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (["_a"], BadSetting, "--compare takes 2 to 8 runs, not 1: _a"),
        (["x"] * 9, BadSetting, "--compare takes 2 to 8 runs, not 9"),
        (["_a", "22_a"], BadSetting, "'22_a' is the run 2026-11-22_a, which is named twice"),
        (["_a", "frogs"], NoSuchRun, "No run matches 'frogs'"),
    ],
)
def test_what_cannot_be_compared_is_refused(make, names, error, words):
    make("2026-11-22_a", 0.9)

    with pytest.raises(error, match=re.escape(words)):
        compare_runs(names)

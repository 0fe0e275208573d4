"""Events that a hostile host sends: no value of them is more than text or a number here."""

from __future__ import annotations

import json
import re

import pytest

from dl_magics.actions.runs.run_table import Runs
from dl_magics.errors import DamagedRun
from dl_magics.runs import log, summary
from dl_magics.runs.events import (
    DataChecked,
    PhaseStarted,
    Progressed,
    RunEnded,
    Warned,
    parse_event,
)
from dl_magics.runs.report.page import write_report
from dl_magics.training.prediction.predictions import Prediction, Predictions
from dl_magics.training.run import Run
from dl_magics.widgets.run import RunWidget
from support import run_events

HTML = "<img src=x onerror=\"document.title='taken'\">"
ANSI = "\x1b[2J\x1b]0;taken\x07\u202e"
HOSTILE = f"{HTML}{ANSI}$(touch taken) `id`\n\"'"

SEVERAL = [HTML, None, [], {}, True, -1, 1.5, 2**60, "1", float("nan")]
NO_NUMBER = [HTML, None, [], {}, True, 2**60, "1"]
NO_TEXT = [None, 1, True, ["x"], {"x": "x"}, "x" * (2**20 + 1)]
NO_JSON = [{"x": 2**60}, {"x": json.loads("[" * 9 + "]" * 9)}, {"x": {1}}, [], "x"]

STARTED = run_events.started().to_json()
EPOCH = run_events.epoch(1).to_json()
RESUMED = run_events.resumed(3).to_json()
PROGRESSED = Progressed(done=1, total=2, images_per_second=1.0, seconds_left=1.0).to_json()
PHASE = PhaseStarted(phase="head", total=1, unit="epochs").to_json()
CHECKED = DataChecked(images=1).to_json()
ENDED = RunEnded(status="done").to_json()
WARNED = Warned(code="c", text="t", fix="f").to_json()
SAVED = {"n": 1, "t": 1.0, "kind": "checkpoint_saved", "path": "p", "sha256": "0" * 64}

REFUSED = [
    (EPOCH, "n", SEVERAL),
    (EPOCH, "t", [*NO_NUMBER, -1.0, float("nan"), float("inf")]),
    (EPOCH, "epoch", [*SEVERAL, 0]),
    (EPOCH, "phase", [HTML, None, ["head"], 1]),
    (EPOCH, "best", [HTML, None, 1, {}]),
    (EPOCH, "logs", [HTML, None, [], {}, {"loss": 1.0}]),
    *((EPOCH, "logs", [{**EPOCH["logs"], "loss": value}]) for value in NO_NUMBER),
    (STARTED, "run", NO_TEXT),
    (STARTED, "recipe", [*NO_JSON, {"epochs": HTML}, {"model": 1}, {"data": []}, {"head": {}}]),
    (STARTED, "classes", ["cats", None, {"cats": 1}, [1], [None], [["cats"]]]),
    (STARTED, "counts", [HTML, [], {}, {"train": {}}, {"train": {"a": HTML}, "valid": {}}]),
    (STARTED, "host", [*NO_JSON, {"name": 1}, {"dollars_per_hour": HTML}]),
    (STARTED, "host", [{"dollars_per_hour": float("inf")}]),
    (STARTED, "versions", [HTML, [], {"keras": 3}, {"keras": None}]),
    (STARTED, "device", NO_TEXT),
    (STARTED, "compute", NO_JSON),
    (RESUMED, "interrupted_at", SEVERAL),
    (RESUMED, "epoch", [*SEVERAL, 0]),
    (RESUMED, "batches", SEVERAL),
    (CHECKED, "images", SEVERAL),
    (CHECKED, "skipped", [HTML, [HTML], [{"path": "p"}], [{"path": 1, "reason": "r"}]]),
    (PHASE, "total", SEVERAL),
    (PHASE, "kept", SEVERAL),
    (PHASE, "unit", [HTML, None, 1]),
    (PROGRESSED, "done", SEVERAL),
    (PROGRESSED, "total", SEVERAL),
    (PROGRESSED, "images_per_second", NO_NUMBER),
    (PROGRESSED, "seconds_left", NO_NUMBER),
    (SAVED, "path", NO_TEXT),
    (SAVED, "sha256", [HTML, "", "0" * 63, "0" * 64 + "\n", "F" * 64, 0]),
    (WARNED, "text", NO_TEXT),
    (ENDED, "status", [HTML, None, 1, "running"]),
    (ENDED, "best_epoch", [HTML, -1, 1.5, True]),
    (ENDED, "best", [HTML, [], {"loss": HTML}]),
    (ENDED, "files", [HTML, [], {"model.keras": HTML}, {"model.keras": None}]),
    (ENDED, "seconds", [HTML, {"head": HTML}, {"head": -1.0}, {"head": float("nan")}]),
    (ENDED, "error", NO_TEXT),
]


@pytest.mark.parametrize(
    ("values", "name", "hostile"),
    REFUSED,
    ids=[f"{values['kind']}-{name}" for values, name, _ in REFUSED],
)
def test_a_field_of_another_type_or_range_is_refused(values, name, hostile):
    assert parse_event(values)
    for value in hostile:
        with pytest.raises(ValueError, match=re.escape(name)):
            parse_event({**values, name: value})


def test_an_epoch_of_html_reaches_no_page(tmp_path):
    folder = run_events.write_log(tmp_path / "run", run_events.make_events())
    with (folder / log.FILE_NAME).open("a") as file:
        file.write(json.dumps({**EPOCH, "epoch": HTML}) + "\n")

    with pytest.raises(DamagedRun, match="epoch of epoch_ended must be a number from 1"):
        _ = Run(folder).state


@pytest.fixture
def hostile(tmp_path):
    """A run all of whose text is HTML, ANSI sequences, shell and quotes."""
    started = run_events.started((f"{HOSTILE}1", f"{HOSTILE}2"), model=HOSTILE, data=HOSTILE)
    named = {"run": HOSTILE, "device": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    host = {"name": HOSTILE, "type": HOSTILE}
    story = [
        parse_event({**started.to_json(), **named, "host": host}),
        DataChecked(images=1, skipped=[{"path": HOSTILE, "reason": HOSTILE}]),
        run_events.epoch(1),
        Warned(code=HOSTILE, text=HOSTILE, fix=HOSTILE),
        RunEnded(status="failed", seconds={HOSTILE: 1.0}, error=HOSTILE, fix=HOSTILE),
    ]
    return Run(run_events.write_log(tmp_path / "run", run_events.stamp(story)))


def test_all_text_of_a_run_is_escaped_in_its_pages(hostile):
    state = hostile.state
    pages = [
        write_report(hostile.path, state).read_text(),
        summary.mime_bundle(state)["text/html"],
        hostile._repr_html_(),
        Runs([hostile])._repr_html_(),
    ]

    for page in pages:
        assert "<img src=x" not in page
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert "&lt;img src=x onerror=" in pages[0]


def test_all_text_of_a_run_is_printed_without_control_characters(hostile):
    shown = [
        repr(hostile),
        repr(Runs([hostile])),
        summary.render_text(hostile.state),
        summary.mime_bundle(hostile.state)["text/plain"],
    ]

    for text in shown:
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert all(r"\x1b[2J" in text for text in shown[1:])


def test_the_notes_of_the_widget_have_no_control_characters(hostile):
    widget = RunWidget()

    widget.show(hostile.state)

    assert not re.search("[\x00-\x1f\u202e]", "".join(widget.notes))


def test_a_class_name_and_a_file_name_are_text_in_predictions(tmp_path):
    seen = Prediction(path=tmp_path / HOSTILE, label=HOSTILE, probability=1.0, probabilities={})
    shown = Predictions([seen], {tmp_path / HOSTILE: HOSTILE})

    assert "<img src=x" not in shown._repr_html_()
    assert "\x1b" not in repr(shown) + shown._repr_html_()
    assert len(repr(shown).splitlines()) == 3


def test_a_run_with_a_damaged_log_does_not_hide_the_others(tmp_path):
    good = run_events.write_log(tmp_path / "good", run_events.make_events())
    bad = run_events.write_log(tmp_path / "bad", run_events.make_events())
    (bad / log.FILE_NAME).write_text(f"{HOSTILE}\n")

    shown = repr(Runs([Run(bad), Run(good)]))

    assert "damaged: Line 1 of" in shown
    assert "good  VGG16 on dogscats" in shown

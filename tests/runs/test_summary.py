from __future__ import annotations

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from PIL import Image

from dl_magics.runs import summary
from dl_magics.runs.events import DataChecked, RunEnded, Warned
from dl_magics.runs.state import RunState, replay_events
from support import run_events

SCRIPT = "<script>alert(1)</script>"
DONE = RunEnded(status="done", best_epoch=2, seconds={"features": 61.2, "head": 3.4})
NASTY = run_events.make_events(
    Warned(code="imbalance", text=f"{SCRIPT} has few.", fix=f"Add {SCRIPT}."),
    DataChecked(images=3, skipped=[{"path": f"{SCRIPT}.jpg", "reason": f"web page {SCRIPT}"}]),
    run_events.epoch(1),
    ended=RunEnded(status="failed", error=f"{SCRIPT} fell.", fix=f"Lift {SCRIPT}.", seconds={}),
    classes=[SCRIPT, '" onload="alert(2)'],
    data=f"photos/{SCRIPT}",
    model=SCRIPT,
)


class Tags(HTMLParser):
    """Collects the tags of a page, as a browser parses them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text, self.rows = [], [], "", 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def test_a_finished_run_has_text_html_and_png():
    shown = summary.mime_bundle(
        replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))
    )

    assert set(shown) == {"text/plain", "text/html", "image/png"}
    with Image.open(io.BytesIO(base64.b64decode(shown["image/png"]))) as png:
        assert png.format == "PNG"
        assert png.mode == "RGBA"
        assert png.getpixel((0, 0))[3] == 0
    assert shown["image/png"] in shown["text/html"]


def test_a_run_without_epochs_has_no_png():
    shown = summary.mime_bundle(
        replay_events(run_events.make_events(ended=RunEnded(status="stopped")))
    )

    assert set(shown) == {"text/plain", "text/html"}
    assert "<img" not in shown["text/html"]


@given(run_events.event_lists())
def test_any_run_can_be_rendered_as_text(events):
    state = replay_events(events)

    assert summary.headline(state) in summary.render_text(state)
    assert "script" not in Tags(summary.render_html(state, b"")).tags


@settings(deadline=None, max_examples=8)
@given(run_events.event_lists())
def test_any_run_can_be_rendered_as_html(events):
    state = replay_events(events)

    shown = summary.mime_bundle(state)

    assert shown["text/plain"]
    # A resumed run reports the epochs after its checkpoint again.
    assert ("image/png" in shown) == bool(state.epochs)


def test_the_headline_has_model_data_accuracy_and_status():
    story = run_events.make_events(run_events.epoch(1, 0.7), run_events.epoch(2, 0.25), ended=DONE)

    assert summary.headline(replay_events(story)) == (
        "VGG16 on dogscats: val_accuracy 0.800, val_loss 0.250, epoch 2 of 2 · done"
    )


@pytest.mark.parametrize("data", ["photos/dogscats/", "photos\\dogscats", "C:\\dogscats\\"])
def test_the_headline_names_the_data_folder_for_any_path(data):
    state = replay_events(run_events.make_events(data=data))

    assert summary.headline(state) == "VGG16 on dogscats · running"


def test_the_headline_of_a_run_before_its_start():
    assert summary.headline(RunState()) == "Run · starting"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("done", "done"),
        ("stopped", "stopped before there were weights to keep"),
        ("failed", "failed"),
        ("interrupted", "interrupted"),
    ],
)
def test_each_status_has_its_text(status, word):
    state = replay_events(
        run_events.make_events(run_events.epoch(1), ended=RunEnded(status=status))
    )

    assert summary.headline(state).endswith(f" · {word}")


def test_weights_are_said_to_be_kept_only_where_there_is_a_model():
    ended = RunEnded(status="stopped", files={"model.keras": "0" * 64})

    state = replay_events(run_events.make_events(run_events.epoch(1), ended=ended))

    assert summary.headline(state).endswith(" · stopped, best weights kept")


def test_the_text_lists_epochs_skipped_files_and_warnings():
    story = run_events.make_events(
        Warned(code="imbalance", text="dogs has few.", fix="Add some."),
        DataChecked(images=3, skipped=[{"path": "cats/9.jpg", "reason": "empty file"}]),
        run_events.epoch(1),
        run_events.epoch(2, best=False),
        ended=DONE,
    )

    assert summary.render_text(replay_events(story)).splitlines()[1:] == [
        "epoch 1: loss 0.5000, accuracy 0.9000, val_loss 0.5000, val_accuracy 0.8000 (best)",
        "epoch 2: loss 0.5000, accuracy 0.9000, val_loss 0.5000, val_accuracy 0.8000",
        "64.6 s on CPU (x86_64, 2 cores): features 61.2 s, head 3.4 s",
        "skipped cats/9.jpg: empty file",
        "! dogs has few. Add some.",
    ]


def test_a_failed_run_shows_error_and_fix():
    ended = RunEnded(status="failed", error="It rained.", fix="Take an umbrella.")
    shown = summary.mime_bundle(replay_events(run_events.make_events(ended=ended)))

    assert shown["text/plain"].splitlines()[-2:] == ["It rained.", "  Take an umbrella."]
    assert "It rained.<br>Take an umbrella." in shown["text/html"]


def test_names_are_escaped_in_html():
    page = Tags(summary.mime_bundle(replay_events(NASTY))["text/html"])

    assert "script" not in page.tags
    assert "onload" not in page.attributes
    assert page.text.count(SCRIPT) == 7


def test_a_short_run_lists_all_epochs():
    page = summary.render_html(
        replay_events(run_events.make_events(*map(run_events.epoch, range(1, 11)))), b"png"
    )

    assert "<details>" not in page
    assert page.count("<tr>") == 1 + 10


def test_a_long_run_lists_best_and_last_epoch_and_folds_the_rest():
    middle = [run_events.epoch(n, best=n <= 4) for n in range(1, 12)]

    page = summary.render_html(replay_events(run_events.make_events(*middle)), b"png")

    few, folded = page.split("<details>")
    assert few.count("<tr>") == 1 + 2
    assert "<td>★ 4</td>" in few
    assert "<td>11</td>" in few
    assert "<summary>all 11 epochs</summary>" in folded
    assert folded.count("<tr>") == 1 + 11


def test_epochs_of_a_second_phase_are_named_and_behind_a_line():
    middle = [run_events.epoch(1), run_events.epoch(2, loss=0.4, phase="unfrozen")]
    state = replay_events(run_events.make_events(*middle))
    head_only = replay_events(
        run_events.make_events(run_events.epoch(1), run_events.epoch(2, loss=0.4))
    )

    assert "\nepoch 2 unfrozen: loss 0.4000" in summary.render_text(state)
    page = summary.render_html(state, b"png")
    assert "<td>1</td>" in page
    assert "<td>★ 2 unfrozen</td>" in page
    assert summary.draw_curves(state) != summary.draw_curves(head_only)


def test_only_the_best_epoch_has_a_star():
    middle = [run_events.epoch(1), run_events.epoch(2), run_events.epoch(3, best=False)]

    page = summary.render_html(replay_events(run_events.make_events(*middle)), b"png")

    assert page.count("★") == 1
    assert "<td>★ 2</td>" in page


def test_curves_of_many_epochs_have_no_dots():
    few = replay_events(run_events.make_events(*map(run_events.epoch, range(1, 41))))
    many = replay_events(
        run_events.make_events(*(run_events.epoch(n, best=n == 1) for n in range(1, 200)))
    )

    assert summary.draw_curves(few) != summary.draw_curves(many)


def test_the_balanced_accuracy_is_shown_where_an_epoch_has_it():
    even = run_events.epoch(1)
    uneven = replace(even, logs={**even.logs, "val_balanced_accuracy": 0.625})

    shown, plain = (
        summary.mime_bundle(replay_events(run_events.make_events(each, ended=DONE)))
        for each in (uneven, even)
    )

    headline, epoch = shown["text/plain"].splitlines()[:2]
    assert "val_accuracy 0.800, val_balanced_accuracy 0.625, val_loss 0.500" in headline
    assert epoch.endswith("val_accuracy 0.8000, val_balanced_accuracy 0.6250 (best)")
    assert "<th>val_balanced_accuracy</th>" in shown["text/html"]
    assert "<td>0.6250</td>" in shown["text/html"]
    assert not any("balanced" in text for text in plain.values())

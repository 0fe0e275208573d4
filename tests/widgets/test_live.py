from __future__ import annotations

import re
import time
from importlib.resources import files

import pytest

from dl_magics.widgets import live
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget


@pytest.mark.parametrize("name", ["instances", "keras_settings", "run"])
def test_a_script_needs_nothing_beside_it(name):
    script = load_script(f"{name}.js")

    assert not re.search(r"^import ", script, re.MULTILINE)
    assert script.count("export default") == 1
    assert "--dl-accent" in load_style(f"{name}.css")


@pytest.mark.parametrize(
    ("sheet", "root"),
    [
        ("cleaner", ".dl-cleaner"),
        ("confusion", ".dl-confusion"),
        ("instances", ".dl-instances"),
        ("keras_settings", ".dl-keras"),
        ("run", ".dl-run"),
    ],
)
def test_a_style_changes_no_other_widget_of_the_page(sheet, root):
    text = (files("dl_magics.widgets") / "browser" / f"{sheet}.css").read_text("utf-8")
    without_comments = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)

    rules = re.findall(r"([^{}]+)\{", without_comments)
    selectors = [
        each.strip()
        for rule in rules
        if not rule.strip().startswith("@")
        for each in rule.split(",")
    ]

    assert len(selectors) > 5
    assert [each for each in selectors if not re.match(rf"{re.escape(root)}\b", each)] == []


def test_a_widget_gives_signs_of_life_until_it_is_closed(monkeypatch):
    monkeypatch.setattr(live, "_SECONDS", 0.01)
    widget = LiveWidget(again="%manage_aws")
    while widget.beat < 3:
        time.sleep(0.01)

    widget.close()
    time.sleep(0.1)
    last = widget.beat
    time.sleep(0.1)

    assert widget.beat == last
    assert widget.again == "%manage_aws"


def test_a_page_without_widgets_says_what_shows_it_again():
    widget = LiveWidget(again="%confusion --run pets")

    shown = widget._repr_mimebundle_()
    widget.close()

    bundle = shown[0] if isinstance(shown, tuple) else shown
    assert bundle["text/plain"] == "Shown while its kernel runs: %confusion --run pets"

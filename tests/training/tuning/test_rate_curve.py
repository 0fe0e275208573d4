from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.tuning.rate_curve import RateCurve

RATES = [10.0**power for power in (-5, -4, -3, -2, -1)]
CURVE = RateCurve("run", RATES, [0.7, 0.69, 0.5, 0.4, 1.4], 1e-3, 5, "adam")

CURVES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=100).map(
    lambda losses: RateCurve(
        "<run>", list(np.geomspace(1e-6, 10, 100)[: len(losses)]), losses, 1e-3, 1, "adam"
    )
)


def test_the_suggestion_is_a_tenth_of_the_rate_with_the_lowest_loss():
    assert CURVE.lowest == 1e-2
    assert CURVE.suggestion == 1e-3


def test_its_text_names_the_rule_the_heads_and_what_it_does_not_say():
    assert repr(CURVE).splitlines() == [
        "learning_rate = 0.001 for the head of run with adam",
        "The rule: a tenth of the rate with the lowest loss (0.01). The loss is that of 5 heads, "
        "averaged, of single batches, smoothed; the run had 0.001.",
        "It says where training is fast and does not diverge, not which rate ends best: try it, "
        "and compare val_loss.",
    ]


@given(CURVES)
def test_every_curve_is_drawn_within_its_picture(curve):
    picture = ElementTree.fromstring(curve.draw())

    line = next(each for each in picture.iter("polyline"))
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert len(points) == len(curve.losses)
    assert all(0 <= x <= 560 and 0 <= y <= 240 for x, y in points)
    assert "&lt;run&gt;" in curve._repr_html_()


def test_its_text_has_the_colour_of_the_page():
    picture = CURVE.draw()

    assert "fill:currentColor" in picture
    assert "black" not in picture
    assert "white" not in picture


@pytest.mark.parametrize("curve", [CURVE, RateCurve("run", [1e-6], [0.5], 1e-3, 1, "sgd")])
def test_it_survives_json(curve):
    assert RateCurve.from_json(json.loads(json.dumps(curve.to_json()))) == curve

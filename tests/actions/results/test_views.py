from __future__ import annotations

import re

import pytest

from dl_magics.actions.results.evaluating import Evaluated
from dl_magics.actions.results.views import MostConfused, TopLosses
from support.evaluations import make_evaluation, make_photo

HOSTILE = 'x" onerror="alert(1)<b>\u202e.jpg'


def test_confused_pairs_are_listed_with_their_share_of_the_label():
    shown = MostConfused(make_evaluation())

    assert shown.pairs == [("cats", "dogs", 1)]
    assert repr(shown).splitlines()[1:] == [
        "label  predicted  images  of the label",
        "cats   dogs       1       50.0 % of 2",
    ]
    assert "<td" in shown._repr_html_()


def test_without_mistakes_it_says_so():
    shown = MostConfused(make_evaluation(), least=2)
    assert "No class was taken for another one." in repr(shown)


def test_the_worst_images_are_listed_with_what_was_predicted():
    shown = TopLosses(Evaluated(make_evaluation()), 2, "gpu")

    assert len(shown) == 2
    assert [each.path for each in shown] == ["valid/cats/2.jpg", "valid/dogs/1.jpg"]
    assert repr(shown).splitlines()[1:] == [
        "  valid/cats/2.jpg: cats, predicted dogs 80.0 % ✗, loss 1.61",
        "  valid/dogs/1.jpg: dogs, predicted dogs 60.0 % ✓, loss 0.51",
    ]
    assert " on gpu " in repr(shown)


@pytest.mark.parametrize(
    ("method", "said"), [("grad_cam", "(Grad-CAM)"), ("occlusion", "each was hidden in turn")]
)
def test_each_image_is_shown_beside_where_the_model_looked(method, said):
    pictures, overlays = ({"valid/cats/2.jpg": each} for each in ("AAAA", "BBBB"))
    found = Evaluated(make_evaluation(), pictures, overlays, method)
    html = TopLosses(found, 2)._repr_html_()

    assert re.findall(r'base64,(\w+)" alt="([^"]*)"', html) == [
        ("AAAA", "image valid/cats/2.jpg"),
        ("BBBB", "where the model looked for its prediction valid/cats/2.jpg"),
    ]
    assert said in html
    assert said not in TopLosses(Evaluated(make_evaluation()), 2)._repr_html_()


def test_file_names_are_shown_and_never_run():
    found = make_evaluation(make_photo(HOSTILE, "cats", 0.2, 0.8))
    shown = TopLosses(Evaluated(found, {HOSTILE: "AAAA"}), 1)

    html = shown._repr_html_()
    assert "alert(1)<b>" not in html
    assert 'x" onerror' not in html
    assert "\u202e" not in html + repr(shown)

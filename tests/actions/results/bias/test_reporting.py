"""`%bias_report` of a run that learned a planted shortcut: a coloured corner in one class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dl_magics.actions.results.bias import reporting
from dl_magics.actions.results.place import ResultPlace
from dl_magics.errors import BadSetting
from dl_magics.training.run import Run
from support import evaluations, run_events, tiny_keras
from support.backbones import small_model

IMAGES = 40


def plant(root):
    """Write noise of two classes; those of one have a red corner, those of two cameras a name."""
    random = np.random.default_rng(0)
    for name in ("blue", "red"):
        for n in range(IMAGES):
            pixels = np.clip(random.normal(120, 40, (40, 40, 3)), 0, 255).astype(np.uint8)
            if name == "red":
                pixels[:10, 30:] = (250, 20, 20)
            file = root / name / f"camera{n % 2}_{n:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    room = tmp_path_factory.mktemp("home")
    data = small_model.save_beside(plant(room / "data"), pooling=None)
    events = tiny_keras.train(
        data, room / "runs", epochs=12, learning_rate=0.01, valid=0.5, patience=12
    )
    return ResultPlace(Run(run_events.write_log(room / "runs" / "run", events)))


@pytest.fixture(scope="module")
def report(place):
    return reporting.report_bias(place, "valid", group=r"camera\d")


def test_a_planted_corner_is_named_with_its_class_and_nothing_else_is(report):
    depends = [each for each in report.findings if "depends on" in each]

    assert any("'red' depends on the top right corner" in each for each in depends)
    assert all("depends on the top right corner" in each for each in depends)
    assert not any(each.startswith("With what is around") for each in report.findings)


def test_classes_and_groups_have_intervals_in_text_and_html(report):
    text, html = repr(report), report._repr_html_()

    for shown in (text, html):
        assert "By class" in shown
        assert "camera0" in shown
        assert "95 % interval" in shown
        assert "Calibration error (ECE, ten bins)" in shown
        assert "What this cannot see" in shown
    assert html.count("<circle") == len(report.calibration.bins)


def test_without_images_to_replace_parts_of_the_report_says_so(place):
    report = reporting.report_bias(place, "valid", most=0)

    assert "No part of an image was replaced: --images 0." in repr(report)
    assert report.ablation is None


def test_an_interrupt_ends_the_hiding_and_keeps_the_rest(place):
    def interrupt(*_):
        raise KeyboardInterrupt

    report = reporting.report_bias(place, "valid", progress=interrupt)

    assert report.ablation is None
    assert any(each.startswith("Stopped before") for each in report.findings)
    assert "By class" in repr(report)


def test_the_images_are_taken_evenly_from_each_class():
    photos = [evaluations.make_photo(f"cats/{n:03}.jpg", "cats", 1, 0) for n in range(100)]
    photos += [evaluations.make_photo(f"dogs/{n}.jpg", "dogs", 0, 1) for n in range(3)]
    found = evaluations.make_evaluation(*photos)

    chosen = reporting.choose_images(found, 20)

    assert chosen == [f"cats/{n:03}.jpg" for n in range(0, 100, 10)] + [
        f"dogs/{n}.jpg" for n in range(3)
    ]


def test_a_group_that_is_nowhere_is_refused(place):
    with pytest.raises(BadSetting, match="is in the path of none"):
        reporting.report_bias(place, "valid", group="scanner")

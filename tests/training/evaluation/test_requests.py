from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from dl_magics.errors import BadData
from dl_magics.runs.evaluation import parse_evaluation
from dl_magics.training.evaluation import requests


def decode(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float)


def test_a_run_is_evaluated_with_pictures_of_its_worst_images(run):
    sent = requests.evaluate_run(str(run.path), "valid", explained=3)
    found = parse_evaluation(json.loads(json.dumps(sent["evaluation"])))

    worst = [each.path for each in found.top_losses(3)]
    assert found == run.evaluate("valid")
    assert list(sent["pictures"]) == list(sent["overlays"]) == worst
    assert sent["method"] == "grad_cam"
    for each in worst:
        photo, overlay = decode(sent["pictures"][each]), decode(sent["overlays"][each])
        assert photo.shape == (40, 40, 3)  # no larger than the file
        assert overlay.shape == (224, 224, 3)
        colour = photo.mean((0, 1))
        assert (colour[0] > colour[2]) == ("red" in each)


def test_only_what_is_asked_for_is_drawn(run):
    sent = requests.evaluate_run(str(run.path), "valid")
    assert (sent["pictures"], sent["overlays"]) == ({}, {})


def test_what_is_not_an_image_has_no_picture(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    sent = requests.draw_pictures(str(tmp_path), ["a.txt", "gone.jpg"])
    assert sent == {"pictures": {"a.txt": "", "gone.jpg": ""}}


def test_a_request_returns_a_limited_number_of_pictures(tmp_path):
    sent = requests.draw_pictures(str(tmp_path), [f"{n}.jpg" for n in range(500)])
    assert len(sent["pictures"]) == requests.MOST_PICTURES


def test_images_that_were_moved_are_reported(tmp_path):
    with pytest.raises(BadData, match=r"are not in .*gone any more"):
        requests.draw_pictures(str(tmp_path / "gone"), ["1.jpg"])

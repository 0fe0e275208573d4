from __future__ import annotations

import json

import pytest

from dl_magics.runs import checkpoint_request


def request(folder, content):
    (folder / checkpoint_request.FILE_NAME).write_text(content)
    return checkpoint_request.take_request(folder)


def test_a_request_is_taken_once(tmp_path):
    assert request(tmp_path, "")
    assert checkpoint_request.take_request(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reason", "code", "text"),
    [
        ("spot-stop", "spot_notice", "stops it at 14:03:20 UTC"),
        ("spot-terminate", "spot_notice", "terminates it at 14:03:20 UTC"),
        ("spot-rebalance", "spot_rebalance", "may soon take this spot instance back"),
        ("ending", "stop_ahead", "The guard stops this instance at 14:03:20 UTC"),
    ],
)
def test_the_run_says_why_it_saves_a_checkpoint(tmp_path, reason, code, text):
    warning = request(tmp_path, json.dumps({"reason": reason, "at": 1795701800.0})).make_warning()

    assert warning.code == code
    assert text in warning.text
    assert "%finetune --resume" in warning.fix


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"reason": "x", "at": 1e300}', '{"reason": "x", "at": []}']
)
def test_a_request_that_is_not_valid_is_met_all_the_same(tmp_path, content):
    assert "stops this instance soon" in request(tmp_path, content).make_warning().text

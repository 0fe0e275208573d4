from __future__ import annotations

import base64
import copy
import json

import pytest

from dl_magics.actions.data import received
from dl_magics.actions.data.report import DataReport
from dl_magics.data.quality import check
from dl_magics.errors import NoAnswer
from support.images import plant_faults, write_pets

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """The findings of pets with faults, as they cross from a host."""
    folder = write_pets(tmp_path_factory.mktemp("pets"))
    plant_faults(folder)
    return json.loads(json.dumps(check.check_images(folder).to_json()))


def report_of(sent):
    return DataReport("data/pets", received.read_findings(sent), "gpu")


def test_the_findings_of_a_host_arrive_as_they_were_sent(sent):
    assert json.loads(json.dumps(received.read_findings(sent).to_json())) == sent


def test_a_terminal_shows_each_kind_with_files_and_what_to_type(sent):
    shown = repr(report_of(sent))

    lines = shown.splitlines()
    assert lines[0] == "50 files in data/pets on gpu: 20 to look at"
    assert lines[1].startswith("  train: birds 0, cats")
    assert "1 damaged image: Training skips them." in lines
    assert "  train/dogs/compressed.jpg, as valid/dogs/dogs.2.jpg" in lines
    assert "%check_data data/pets --fix moves 5 files into a quarantine" in shown
    assert "--fix near_leak near_duplicate tiny" in shown


def test_a_page_shows_pictures_of_the_files_beside_those_they_are_copies_of(sent):
    page = report_of(sent)._repr_html_()

    assert page.count("<details open") == len(sent["found"])
    assert page.count("<img ") >= 18
    assert "as valid/dogs/dogs.2.jpg" in page
    # The theme decides: the page sets no colour of its own.
    assert "color:" not in page.replace("currentColor:", "")


def test_many_files_are_folded_and_the_rest_is_counted(sent):
    many = copy.deepcopy(sent)
    (blurry,) = [each for each in many["found"] if each["kind"] == "blurry"]
    blurry["items"] *= 40
    report = report_of(many)

    assert "and 16 more" in report._repr_html_()
    assert "  and 35 more, in the next cell: _.files('blurry')" in repr(report)
    assert report.files("blurry") == ["train/cats/blurred.jpg"] * 40


def test_a_fix_without_kinds_moves_only_what_is_of_no_use(sent):
    report = report_of(sent)

    assert set(report.choose_movable([]).values()) == {
        *("empty", "not_an_image", "damaged", "leak", "duplicate")
    }
    assert report.choose_movable(["dark"]) == {"train/cats/night.jpg": "dark"}
    assert report.choose_movable(["two_classes", "imbalance", "unused"]) == {}


def test_text_of_a_host_is_shown_as_text(sent):
    hostile = copy.deepcopy(sent)
    hostile["note"] = hostile["found"][0]["items"][0]["path"] = HOSTILE
    hostile["counts"] = {HOSTILE: {HOSTILE: 1}}
    report = report_of(hostile)

    assert "<img src=x" not in report._repr_html_()
    assert "\x1b" not in report._repr_html_() + repr(report)


@pytest.mark.parametrize(
    "picture",
    [
        '"><script>alert(1)</script>',
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        base64.b64encode(b"\xff\xd8\xff" + b"x" * 70_000).decode(),
        7,
    ],
)
def test_a_picture_that_is_no_small_jpeg_is_left_out(sent, picture):
    hostile = copy.deepcopy(sent)
    hostile["found"][-1]["items"][0]["picture"] = picture

    assert received.read_findings(hostile).found[-1].items[0].picture == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("images", "7"),
        ("images", -1),
        ("images", True),
        ("root", "x" * 5000),
        ("counts", {"train": {"cats": 1.5}}),
        ("counts", ["train"]),
        ("found", [{"kind": "unheard_of", "items": []}]),
        ("found", [{"kind": "dark", "items": [{"path": 1}]}]),
        ("note", None),
    ],
)
def test_findings_of_another_form_are_refused(sent, key, value):
    with pytest.raises(NoAnswer, match="The host sent an invalid answer"):
        received.read_findings({**sent, key: value})


@pytest.mark.parametrize("sent", [None, [], {}, "text"])
def test_no_findings_at_all_are_refused(sent):
    with pytest.raises(NoAnswer):
        received.read_findings(sent)


def test_a_clean_data_set_is_said_to_be_clean(tmp_path):
    findings = check.check_images(write_pets(tmp_path, train=3, valid=2))
    report = DataReport("pets", findings)

    assert report.summary == "10 files in pets: nothing is wrong with them"
    assert repr(report).splitlines()[1:] == [
        "  train: cats 3, dogs 3",
        "  valid: cats 2, dogs 2",
    ]
    assert report.kinds == {}

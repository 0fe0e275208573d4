from __future__ import annotations

import json

import pytest
from PIL import Image

from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.results import cleaning
from dl_magics.actions.results.cleaning import Cleaning, Photo
from dl_magics.actions.results.place import ResultPlace
from dl_magics.errors import BadData, NoAnswer, NoSuchFile
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.training.run import Run

CLASSES = ("cats", "dogs")
HERE = DataPlace("pets", "")


@pytest.fixture
def pets(tmp_path):
    for name in CLASSES:
        (tmp_path / "pets" / name).mkdir(parents=True)
        for n in range(3):
            Image.new("RGB", (20, 20), (80 * n, 0, 0)).save(tmp_path / "pets" / name / f"{n}.jpg")
    return tmp_path / "pets"


def photos():
    return tuple(Photo(f"cats/{n}.jpg", "cats", "looks like dogs") for n in range(3))


@pytest.fixture
def opened(pets):
    return Cleaning(HERE, str(pets), CLASSES, photos())


def test_each_decision_is_done_shown_and_undone(opened, pets):
    assert opened.relabel("cats/0.jpg", "dogs") == "cats/0.jpg: now dogs."
    assert opened.quarantine("cats/1.jpg") == "cats/1.jpg: in the quarantine."
    assert opened.keep("cats/2.jpg") == "cats/2.jpg: kept."
    assert (
        opened.summary
        == f"3 of 3 images of {pets} looked at: 1 kept, 1 relabelled, 1 in quarantine"
    )
    assert (pets / "dogs" / "0-2.jpg").is_file()
    assert [each.name for each in (pets / "cats").iterdir()] == ["2.jpg"]

    assert opened.undo("cats/0.jpg") == "cats/0.jpg is back as it was."
    assert opened.undo() == "cats/2.jpg is back as it was."
    assert opened.undo() == "cats/1.jpg is back as it was."
    assert opened.undo() == "There is nothing to undo."
    assert sorted(each.name for each in (pets / "cats").iterdir()) == ["0.jpg", "1.jpg", "2.jpg"]


def test_another_kernel_knows_what_was_decided(opened, pets):
    opened.relabel("cats/0.jpg", "dogs")
    opened.keep("cats/1.jpg")

    again = Cleaning(HERE, str(pets), CLASSES, photos())

    assert [again.describe_step(each.path) for each in again.photos] == ["now dogs", "kept", ""]
    assert "  cats/0.jpg: looks like dogs (now dogs)" in repr(again)


def test_an_image_that_was_moved_has_its_picture(opened):
    paths = [each.path for each in opened.photos]
    before = opened.load_pictures(paths)
    opened.quarantine("cats/0.jpg")
    opened.relabel("cats/1.jpg", "dogs")

    assert opened.load_pictures(paths) == before
    assert len(set(before.values())) == 3


def test_only_listed_images_are_moved_and_only_into_classes(opened):
    with pytest.raises(NoSuchFile, match="is not one of these images"):
        opened.quarantine("dogs/0.jpg")
    with pytest.raises(BadData, match="is not a folder of a class"):
        opened.relabel("cats/0.jpg", "birds")


def test_the_images_of_a_run_come_by_their_loss(pets, tmp_path):
    shares = {"cats/0.jpg": (0.9, 0.1), "cats/1.jpg": (0.01, 0.99), "cats/2.jpg": (0.4, 0.6)}
    found = Evaluation(
        "run",
        "valid",
        str(pets),
        CLASSES,
        tuple(PhotoPrediction(path, "cats", each, CLASSES) for path, each in shares.items()),
        "0" * 64,
        "0" * 64,
    )

    opened = cleaning.clean_by_run(ResultPlace(Run(tmp_path)), found)

    assert [each.path for each in opened.photos] == ["cats/1.jpg", "cats/2.jpg", "cats/0.jpg"]
    assert opened.photos[0].why == "labelled cats, predicted dogs (99.0%)"


def test_without_features_it_says_how_to_get_them(pets, tmp_path):
    opened = cleaning.clean_by_labels(HERE, str(pets), str(tmp_path / "features"))

    assert opened.photos == ()
    assert "%%finetune PATH computes them" in repr(opened)


@pytest.mark.parametrize(
    "sent", [None, 7, {}, {"steps": [{"n": "x", "action": 1}]}, {"steps": 7}, {"steps": [[]]}]
)
def test_what_a_host_sends_is_checked(pets, sent):
    class Host(DataPlace):
        def call(self, function, **arguments):
            return json.loads(json.dumps(sent))

    with pytest.raises(NoAnswer, match="sent an invalid"):
        Cleaning(Host("pets", ""), str(pets), CLASSES, photos())
    with pytest.raises(NoAnswer, match="sent an invalid"):
        cleaning.clean_by_labels(Host("pets", ""), str(pets), "")

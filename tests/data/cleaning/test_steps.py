from __future__ import annotations

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dl_magics.data import layout
from dl_magics.data.cleaning import journal, steps
from dl_magics.data.quality import quarantine
from dl_magics.errors import BadData, BadSetting, CannotChange, NoSuchFile

JOURNAL = f"{journal.FOLDER}/cleaning.jsonl"


@pytest.fixture
def pets(tmp_path):
    return fill(tmp_path / "pets")


def fill(root):
    for name in ("cats", "dogs"):
        (root / "train" / name).mkdir(parents=True)
        for n in range(3):
            (root / "train" / name / f"{n}.jpg").write_text(f"{name} {n}")
    return root


def files(root):
    return {
        each.relative_to(root).as_posix(): each.read_text()
        for each in root.rglob("*.jpg")
        if each.is_file()
    }


def test_an_image_gets_another_label_and_no_file_is_replaced(pets):
    step = steps.take_step(pets, "relabel", "train/cats/1.jpg", "cats", "dogs")

    assert step.to == "train/dogs/1-2.jpg"
    found = files(pets)
    assert found["train/dogs/1-2.jpg"] == "cats 1"
    assert found["train/dogs/1.jpg"] == "dogs 1"
    assert "train/cats/1.jpg" not in found


def test_a_quarantined_image_is_put_back_by_the_quarantine_too(pets):
    before = files(pets)
    step = steps.take_step(pets, "quarantine", "train/cats/1.jpg")

    assert step.to.startswith(f"{quarantine.FOLDER}/")
    assert "train/cats/1.jpg" not in files(pets)
    assert quarantine.put_back(pets).count == 1
    assert files(pets) == before
    assert journal.read_steps(pets) == []
    assert steps.undo_step(pets) is None


def test_what_was_kept_is_remembered(pets):
    steps.take_step(pets, "keep", "train/cats/1.jpg")

    (step,) = journal.read_steps(pets)
    assert (step.action, step.path, step.to) == ("keep", "train/cats/1.jpg", "")


moves = st.lists(
    st.tuples(
        st.sampled_from(["keep", "relabel", "quarantine", "undo"]),
        st.sampled_from(["cats", "dogs"]),
        st.integers(0, 2),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(moves)
@example([("relabel", "dogs", 0), ("relabel", "cats", 0), ("undo", "dogs", 0)])
def test_nothing_is_ever_lost_and_undoing_all_steps_restores_everything(tmp_path_factory, moves):
    pets = fill(tmp_path_factory.mktemp("pets"))
    before = files(pets)
    for action, label, n in moves:
        path = f"train/{label}/{n}.jpg"
        other = "dogs" if label == "cats" else "cats"
        if action == "undo":
            steps.undo_step(pets, path)
        elif (pets / path).exists():
            steps.take_step(pets, action, path, label, other)
        assert sorted(files(pets).values()) == sorted(before.values())

    while steps.undo_step(pets):
        pass

    assert files(pets) == before
    assert not (pets / quarantine.FOLDER).exists()
    assert layout.find_train_and_valid(pets)[0] == pets / "train"


@pytest.mark.parametrize(
    "torn", [b'{"n": 2, "act', b"[1]\n", b"\xff\xfe\n", b'{"action": "keep"}\n']
)
def test_a_line_that_a_killed_kernel_left_spoils_no_other(pets, torn):
    steps.take_step(pets, "keep", "train/cats/0.jpg")
    with (pets / JOURNAL).open("ab") as file:
        file.write(torn)

    steps.take_step(pets, "keep", "train/cats/1.jpg")
    undone = steps.undo_step(pets)

    assert undone.path == "train/cats/1.jpg"
    assert [each.path for each in journal.read_steps(pets)] == ["train/cats/0.jpg"]


def test_a_move_that_was_interrupted_after_its_line_does_not_count(pets):
    journal.append_step(pets, "relabel", "train/cats/0.jpg", "train/dogs/0-2.jpg")

    assert journal.read_steps(pets) == []


def test_undo_leaves_a_file_that_has_taken_the_place(pets):
    steps.take_step(pets, "relabel", "train/cats/1.jpg", "cats", "dogs")
    (pets / "train/cats/1.jpg").write_text("new")

    with pytest.raises(CannotChange, match="another file has its place"):
        steps.undo_step(pets)

    assert files(pets)["train/cats/1.jpg"] == "new"
    assert files(pets)["train/dogs/1-2.jpg"] == "cats 1"
    assert len(journal.read_steps(pets)) == 1


@pytest.mark.parametrize(
    ("action", "path", "to", "error"),
    [
        ("relabel", "../outside.jpg", "dogs", BadData),
        ("keep", "/etc/passwd", "", BadData),
        ("relabel", "train/cats/1.jpg", "../..", BadData),
        ("relabel", "train/cats/1.jpg", "birds", BadData),
        ("relabel", "train/cats/1.jpg", "", BadData),
        ("keep", "train/cats/9.jpg", "", NoSuchFile),
        ("delete", "train/cats/1.jpg", "", BadSetting),
    ],
)
def test_what_is_not_an_image_or_a_class_of_the_data_set_is_refused(pets, action, path, to, error):
    (pets.parent / "outside.jpg").write_text("outside")
    before = files(pets.parent)

    with pytest.raises(error):
        steps.take_step(pets, action, path, "cats", to)

    assert files(pets.parent) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(pets):
    (pets / "train/cats").chmod(0o500)
    with pytest.raises(CannotChange, match="was not moved"):
        steps.take_step(pets, "relabel", "train/cats/1.jpg", "cats", "dogs")

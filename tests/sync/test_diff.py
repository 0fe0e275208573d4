from __future__ import annotations

import pytest

from dl_magics.sync.diff import STAGE, FileEntry, compare_trees, has_same_mode, is_same
from dl_magics.sync.file_system import FileSystem

SECOND = 10**9


def test_whole_second_timestamps_compare_equal():
    fine, coarse = FileEntry("file", 3, 5 * SECOND + 7), FileEntry("file", 3, 5 * SECOND)

    assert is_same(fine, coarse)
    assert is_same(fine, FileEntry("file", 3, 5 * SECOND + 99))
    assert not is_same(fine, FileEntry("file", 3, 5 * SECOND + 7000))
    assert not is_same(fine, FileEntry("file", 4, 5 * SECOND + 7))
    assert not is_same(fine, None)


def file(mode=0o644, size=1):
    return FileEntry("file", size, 5 * SECOND, mode=mode)


FOLDER = FileEntry("folder", mode=0o755)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0o644, 0o644, True),
        (0o644, 0o600, False),
        (0o644, 0o755, False),
        (0o644, 0o664, False),
        (0o644, 0o646, True),
        (0o755, 0o4755, True),
        (0o000, 0o400, True),
        (0o644, None, True),
    ],
)
def test_permissions_are_compared_but_for_set_user_id_and_writing_by_everyone(one, other, same):
    assert has_same_mode(file(one), file(other)) is same


def test_a_change_of_permissions_alone_is_a_change_of_its_own_kind():
    here = {b"run.sh": file(0o755), b"d": FOLDER, b"same": file()}
    there = {b"run.sh": file(), b"d": FileEntry("folder", mode=0o700), b"same": file()}

    plan = compare_trees(here, there)

    assert (plan.modes, plan.files, plan.unchanged) == ([b"d", b"run.sh"], [], 1)


def test_a_file_and_a_folder_of_one_name_are_told_apart_until_they_may_be_replaced():
    source = {b"a": file(), b"b": FOLDER, b"b/x": file(), b"c": file()}
    target = {b"a": FOLDER, b"a/deep": FOLDER, b"a/deep/y": file(), b"b": file(), b"c": file()}

    plan = compare_trees(source, target)
    assert plan.skipped == {
        b"a": "the destination has a folder of this name; --replace replaces it",
        b"b": "the destination has a file of this name; --replace replaces it",
        b"b/x": "its folder was skipped",
    }
    assert (plan.unchanged, plan.surplus) == (1, [])
    assert plan.in_the_way == [b"a/deep/y", b"a/deep", b"a", b"b"]

    replaced = compare_trees(source, target, plan.in_the_way)
    assert (replaced.skipped, replaced.surplus) == ({}, [])
    assert (replaced.cleared, replaced.files, replaced.folders) == (
        [b"a", b"b"],
        [b"a", b"b/x"],
        [b"b"],
    )


def test_what_came_after_the_question_is_not_replaced():
    plan = compare_trees({b"a": file()}, {b"a": FOLDER, b"a/new": file()}, [b"a"])

    assert plan.cleared == []
    assert b"a" in plan.skipped


FOLDS = FileSystem(folds_case=True, folds_accents=True)
NFC, NFD = "é".encode(), "e\u0301".encode()


@pytest.mark.parametrize(
    ("source", "target", "skipped"),
    [
        ([b"README", b"readme"], [], {b"readme": "README"}),
        ([b"A", b"A/x", b"a", b"a/y"], [], {b"a": "A"}),
        ([b"README"], [b"readme"], {b"README": "readme"}),
        ([NFC, NFD], [], {NFC: NFD.decode()}),
        ([NFC], [NFD], {}),
        (["É".encode()], [NFC], {"É".encode(): "é"}),
        ([STAGE.upper().encode()], [], {STAGE.upper().encode(): STAGE}),
        ([".dl_magicſ-sync".encode()], [], {".dl_magicſ-sync".encode(): STAGE}),
    ],
)
def test_a_name_that_is_another_file_on_this_file_system_is_skipped(source, target, skipped):
    def tree(names):
        return {
            name: FOLDER if any(other.startswith(name + b"/") for other in names) else file()
            for name in names
        }

    plan = compare_trees(tree(source), tree(target), arriving=FOLDS)

    below = {name: why for name, why in plan.skipped.items() if why == "its folder was skipped"}
    assert {name: why for name, why in plan.skipped.items() if name not in below} == {
        name: f"this file system takes it for the same name as {twin}"
        for name, twin in skipped.items()
    }
    assert plan.surplus == []
    assert compare_trees(tree(source), tree(target), arriving=FileSystem()).skipped == {}


def test_the_same_letters_in_another_form_are_the_same_file():
    plan = compare_trees({NFC: file()}, {NFD: file()}, arriving=FOLDS)

    assert (plan.unchanged, plan.files, plan.surplus) == (1, [], [])

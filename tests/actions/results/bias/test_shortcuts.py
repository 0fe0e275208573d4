from __future__ import annotations

import pytest

from dl_magics.actions.results.bias import shortcuts
from dl_magics.actions.results.bias.shortcuts import Ablation
from dl_magics.training.evaluation.ablation import SURROUNDINGS

CORNER, BORDER = "the top left corner", "the border"
TRUTH = (0,) * 20 + (1,) * 20


def make_ablation(own=None, **other):
    """Return an ablation in which nothing changes but with the regions that are given."""
    same = dict.fromkeys(("", CORNER, BORDER, SURROUNDINGS), TRUTH)
    control = {**same, **(own or {})}
    return Ablation(("cats", "dogs"), TRUTH, {**same, **other}, control, nearest=TRUTH)


def lose(images):
    """Return predictions in which so many cats are taken for dogs."""
    return (1,) * images + TRUTH[images:]


def test_a_class_that_is_lost_with_the_corner_of_another_one_is_named():
    (found,) = shortcuts.find_shortcuts(make_ablation(**{CORNER: lose(18), BORDER: lose(12)}))

    assert (found.region, found.name, found.taken_for) == (CORNER, "cats", "dogs")
    assert found.describe() == (
        "'cats' depends on the top left corner: with that of an image of another class 2 of 20 "
        "images are right, with that of another 'cats' image 20; most others are taken for 'dogs'."
    )


def test_what_is_lost_with_the_corner_of_its_own_class_too_is_no_shortcut():
    damaged = make_ablation(own={CORNER: lose(15)}, **{CORNER: lose(18)})

    assert shortcuts.find_shortcuts(damaged) == ()


@pytest.mark.parametrize("images", [0, 3, 5])
def test_what_chance_explains_is_no_shortcut(images):
    assert shortcuts.find_shortcuts(make_ablation(**{CORNER: lose(images)})) == ()


def test_what_is_around_the_middle_is_told_but_is_no_shortcut_by_itself():
    found = make_ablation(**{SURROUNDINGS: lose(20)})

    assert shortcuts.find_shortcuts(found) == ()
    assert shortcuts.describe_surroundings(found).startswith(
        "With what is around the middle of an image of another class 50 % of 40 images are right, "
        "with that of an image of their own class 100 %: the run goes by it."
    )
    assert shortcuts.describe_surroundings(make_ablation()) == ""


def test_the_class_that_the_pretrained_network_sees_is_told():
    mixed = Ablation(("cats", "dogs"), TRUTH, {"": TRUTH}, {}, nearest=lose(5))

    assert shortcuts.describe_network(mixed) == [
        "cats: the most similar other image is of its class for 15 of 20, else mostly dogs",
        "dogs: the most similar other image is of its class for 20 of 20",
    ]


def test_the_imagenet_classes_of_each_class_are_told_or_why_not():
    seen = Ablation(
        ("cats", "dogs"),
        TRUTH,
        {"": TRUTH},
        {},
        TRUTH,
        ("tabby",) * 12 + ("tiger cat",) * 8 + ("beagle",) * 20,
    )

    assert shortcuts.describe_network(seen)[1::2] == [
        "cats: in ImageNet's classes tabby (12 of 20), tiger cat (8 of 20)",
        "dogs: in ImageNet's classes beagle (20 of 20)",
    ]
    unknown = Ablation(("cats", "dogs"), TRUTH, {"": TRUTH}, {}, TRUTH, imagenet_missing="Why.")
    assert shortcuts.describe_network(unknown)[-1] == "Why."


GOOD = {
    "paths": ["a.jpg", "b.jpg"],
    "predicted": {"": [0, 1], SURROUNDINGS: [0, 0]},
    "control": {SURROUNDINGS: [0, 1]},
    "nearest": [1, 0],
    "imagenet": ["tabby", "beagle"],
    "imagenet_missing": "",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"paths": ["a.jpg", "etc/passwd"]},
        {"paths": []},
        {"paths": ["a.jpg", "a.jpg"]},
        {"predicted": {"": [0, 1]}},
        {"predicted": {**GOOD["predicted"], "": [0, 2]}},
        {"predicted": {**GOOD["predicted"], "": [0, True]}},
        {"control": {}},
        {"control": {SURROUNDINGS: [0, 2]}},
        {"nearest": [1]},
        {"nearest": [-1, 0]},
        {"imagenet": ["tabby"]},
        {"imagenet": ["tabby", 7]},
        {"imagenet": ["tabby", "x" * 100]},
        {"imagenet_missing": None},
    ],
)
def test_what_a_host_sends_is_checked(change):
    def parse():
        sent = {**GOOD, **change}
        return shortcuts.parse_ablation(
            sent, ["a.jpg", "b.jpg"], ("x", "y"), {"a.jpg": 0, "b.jpg": 1}
        )

    if change:
        with pytest.raises(ValueError, match="it "):
            parse()
    else:
        assert parse().nearest == (1, 0)

from __future__ import annotations

import pytest

from dl_magics.runs.events import Warned
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.inference import batch_search
from dl_magics.training.recipe.recipe import Recipe

GPU = Device("gpu", "a GPU", 20 * 2**30)
RECIPE = Recipe(data="images", model="VGG16", image_size=32, weights="imagenet")
MANY = 100_000


def find_batch_size(folder, recipe=RECIPE, device=GPU, images=MANY):
    """Return the batch size that was found, and the codes of the warnings before."""
    search = batch_search.find_batch_size(recipe, device, "float32", images, folder)
    codes = []
    while True:
        try:
            event = next(search)
        except StopIteration as stop:
            return stop.value, codes
        assert isinstance(event, Warned)
        codes.append(event.code)


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ({32: 100.0, 64: 150.0, 128: 180.0}, 128),
        ({32: 100.0, 64: 150.0, 128: 151.0}, 64),
        ({32: 100.0, 64: 90.0}, 32),
        ({32: 100.0}, 32),
    ],
)
def test_the_smallest_size_that_is_nearly_the_fastest_is_chosen(speeds, chosen):
    assert batch_search.choose_fastest(speeds) == chosen


@pytest.mark.parametrize(
    ("recipe", "device", "images"),
    [
        (RECIPE, Device("cpu", "a CPU", 2**34), MANY),
        (Recipe(data="images", batch_size=64), GPU, MANY),
        (RECIPE, GPU, 1_000),
    ],
)
def test_nothing_is_measured_where_it_would_not_pay(tmp_path, recipe, device, images):
    assert find_batch_size(tmp_path, recipe, device, images) == (None, [])
    assert list(tmp_path.iterdir()) == []


def test_the_sizes_are_measured_in_another_process_and_only_once(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_search, "_SIZES", (2, 4))

    found, codes = find_batch_size(tmp_path)
    again = find_batch_size(tmp_path)

    assert found in (2, 4)
    assert codes == ["finding_batch_size"]
    assert again == (found, [])


def test_a_trial_that_fails_leaves_the_size_to_the_rule(tmp_path):
    unknown = Recipe(data="images", model="NoSuchModel", weights=None)

    assert find_batch_size(tmp_path, unknown) == (None, ["finding_batch_size"])
    assert list(tmp_path.iterdir()) == []

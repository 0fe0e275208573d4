from __future__ import annotations

import re

import pytest

from dl_magics.actions.runs import estimate
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.actions.runs.scaling import other_types
from support import tiny_keras

HERE = TrainingPlace("Trains on this computer.")


def recipe(data="photos", **settings):
    return tiny_keras.recipe(data, **{"image_size": 224, **settings})


def test_a_proposal_names_the_cheapest_and_the_fastest_type_as_estimated_with_time_and_price():
    line = other_types.propose_types(recipe(), 1_000_000, 600.0, "")

    assert "estimated (on demand in us-east-1)" in line
    for what in ("cheapest", "fastest"):
        assert re.search(rf"{what} [a-z0-9]+\.\w+: .* to .*, \$[\d.,]+ to \$[\d.,]+", line)


def test_the_type_on_which_the_run_would_train_is_marked():
    cheapest = re.search(r"cheapest (\S+):", other_types.propose_types(recipe(), 10**6, 600.0, ""))

    line = other_types.propose_types(recipe(), 10**6, 600.0, cheapest[1])

    assert f"{cheapest[1]} (this one):" in line


def test_a_fast_gpu_is_not_proposed_for_photos_that_its_processors_decode_too_slowly():
    options = dict(other_types._list_options(recipe(), 10**6, 0.0))

    slow, fast = options["g4dn.xlarge"], options["p5.4xlarge"]
    assert slow[0].dollars < fast[0].dollars


@pytest.mark.parametrize(("epochs", "proposes"), [(1, False), (100_000, True)])
def test_only_a_long_run_is_worth_another_instance(tmp_path, epochs, proposes):
    photos = tiny_keras.photos(tmp_path, n=4)

    lines = estimate.estimate_run(recipe(photos, epochs=epochs), HERE).lines

    assert any("estimated (on demand" in line for line in lines) is proposes

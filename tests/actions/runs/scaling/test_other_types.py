from __future__ import annotations

import re

import pytest

from dl_magics.actions.runs import estimate
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.actions.runs.scaling import options, other_types, proposal
from dl_magics.actions.runs.scaling.options import Photos
from support import tiny_keras

HERE = TrainingPlace("Trains on this computer.")
MILLION = Photos(10**6, 10**6, 20e3, 20e3)


def recipe(data="photos", **settings):
    return tiny_keras.recipe(data, **{"image_size": 224, **settings})


def propose(here="", speeds=None):
    return proposal.propose(
        recipe(), MILLION, speeds or {}, {"type": here}, seconds=10_000, serial=600.0
    )


def test_a_proposal_names_the_cheapest_and_the_fastest_type_as_estimated_with_time_and_price():
    line = propose().lines[0]

    assert "estimated (on demand in us-east-1)" in line
    for what in ("cheapest", "fastest"):
        assert re.search(rf"{what} [a-z0-9]+\.\w+: .* to .*, \$[\d.,]+ to \$[\d.,]+", line)


def test_the_type_on_which_the_run_would_train_is_marked():
    cheapest = re.search(r"cheapest (\S+):", propose().lines[0])

    assert f"{cheapest[1]} (this one):" in propose(cheapest[1]).lines[0]


def test_a_fast_gpu_is_not_proposed_for_photos_that_its_processors_decode_too_slowly():
    types = list(options.list_rented_types(recipe(), {}, "us-east-1"))
    found = other_types.compute_options(types, MILLION, 0.0)

    slow, fast = found["g4dn.xlarge"], found["p5.4xlarge"]
    assert slow[0].dollars < fast[0].dollars


@pytest.mark.parametrize(("epochs", "proposes"), [(1, False), (100_000, True)])
def test_only_a_long_run_is_worth_another_instance(tmp_path, epochs, proposes):
    photos = tiny_keras.photos(tmp_path, n=4)

    made = estimate.estimate_run(recipe(photos, epochs=epochs), HERE)

    assert any("estimated (on demand" in line for line in made.lines) is proposes
    assert any("workers: not needed" in line for line in made.lines) is not proposes
    assert ("1 × g4dn.xlarge" in repr(made)) is proposes
    assert ("<td" in made._repr_html_()) is proposes
    quiet = estimate.estimate_run(recipe(photos, epochs=epochs), HERE, proposes=False)
    assert "workers" not in repr(quiet)

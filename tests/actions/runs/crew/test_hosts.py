from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.runs import estimate, place
from dl_magics.actions.runs.crew import files, hosts
from dl_magics.training.recipe.recipe import check_settings
from support import tiny_keras


@pytest.fixture
def crew(rent):
    """Instances as `%aws_launch --count` names them, and some that only look like it."""
    for name in ("crew-2", "crew-10", "crew-1", "crews", "crew-x", "other"):
        rent("t2.micro", name)


def test_a_name_is_all_instances_that_are_numbered_so(crew, rent):
    rent("t2.micro", "crew-3", state="stopped")

    described = hosts.describe_crew(["crew"])

    assert described["name"] == "crew-1, crew-2, crew-10"
    assert described["type"] == "3 × t2.micro"
    assert (described["count"], described["each_type"]) == (3, "t2.micro")
    assert len(described["ids"]) == 3
    each = hosts.describe_crew(["other"])["dollars_per_hour"]
    assert described["dollars_per_hour"] == pytest.approx(3 * each)

    assert hosts.describe_crew(["other", "crew-2"])["name"] == "other, crew-2"
    with pytest.raises(errors.WrongState, match="No worker is running: crew-3 is stopped") as off:
        hosts.describe_crew(["crew-3"])
    assert off.value.fix.startswith("%aws_start crew-3")
    id_ = rent("t2.micro", "evening{1/0}", state="stopped")
    with pytest.raises(errors.WrongState) as off:
        hosts.describe_crew(["evening{1/0}"])
    assert off.value.fix == f"%aws_start {id_}"
    with pytest.raises(errors.NoSuchInstance, match="workers = 'creww': no instance") as missing:
        hosts.describe_crew(["creww"])
    assert "%aws_launch TYPE --count 4 --name creww" in missing.value.fix

    # What a run costs and needs is that of all.
    where = place.find_place(["crew"])
    assert where.kernel is None
    assert (
        "this computer; the features are computed on crew-1, crew-2, crew-10 (3 × t2.micro, $"
        in (where.sentence)
    )
    joint = place.find_place(["crew"], trains_network=True)
    assert joint.sentence == (
        f"{where.sentence} Layers of the network are trained there together, with JAX."
    )
    recipe = check_settings("photos", {"workers": "crew", "budget": 0.5})
    estimate.check_budget(recipe, where)
    assert "on crew-1, crew-2, crew-10" in repr(estimate.estimate_run(recipe, where))
    alone = estimate.estimate_run(recipe, place.find_place(["other"]))
    together = estimate.estimate_run(recipe, where)
    assert together.parts["features"][1] == pytest.approx(alone.parts["features"][1] / 3)


def test_any_host_that_ssh_reaches_is_a_worker_without_a_price():
    described = hosts.describe_crew(["ada@192.0.2.7", "ada@192.0.2.8:2222"])

    assert described["name"] == "ada@192.0.2.7, ada@192.0.2.8:2222"
    assert described["type"] == "2 hosts"
    assert "dollars_per_hour" not in described


def test_files_of_a_recipe_are_put_on_the_host(host, tmp_path):
    weights = tmp_path / "own.weights.h5"
    weights.write_bytes(b"weights")
    recipe = tiny_keras.recipe(tmp_path, weights=str(weights))

    there = provide(host, recipe)

    (kept,) = (host.home / ".dl_magics/weights").iterdir()
    assert kept.read_bytes() == b"weights"
    assert there.weights == str(kept)
    random = tiny_keras.recipe(tmp_path)
    assert provide(host, random) == random


def provide(host, recipe):
    from dl_magics.ssh import blocking

    async def put():
        return await files.provide_files(host.login, recipe, lacks_weights=False)

    return blocking.wait_for(put())

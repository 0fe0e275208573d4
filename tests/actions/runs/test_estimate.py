"""Time, memory and price of a run before it starts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dl_magics.actions.runs import estimate
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.errors import BadSetting
from dl_magics.runs.events import PhaseStarted, RunEnded
from dl_magics.store import paths
from dl_magics.training.recipe.recipe import Recipe
from support import run_events, tiny_keras

HOST = {
    "name": "gpu",
    "id": "i-0",
    "type": "g4dn.xlarge",
    "dollars_per_hour": 0.531,
    "price_day": "2026-11-26",
}
T4 = TrainingPlace("Trains on gpu.", kernel=object(), host=HOST)  # its host is not asked


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=20)


def recipe(data, **settings) -> Recipe:
    return tiny_keras.recipe(data, **{"image_size": 224, **settings})


def an_earlier_run(
    of: Recipe,
    *,
    name: str,
    seconds: dict[str, float],
    host: dict[str, object] = HOST,
    device: str = "Tesla T4",
    devices: int = 1,
) -> None:
    begun = replace(
        run_events.started(),
        recipe=of.to_json(),
        host=host,
        device=device,
        compute={"devices": devices},
    )
    features = PhaseStarted(phase="features", total=32, unit="images")
    ended = RunEnded(status="done", seconds=seconds)
    events = run_events.stamp([begun, features, run_events.epoch(1), ended])
    run_events.write_log(paths.data_folder("runs") / name, events)


def test_an_estimate_has_time_memory_and_price_with_its_day(photos):
    asked = estimate.estimate_run(recipe(photos, epochs=2), T4)

    low, high = asked.seconds
    assert asked.images == (32, 8)
    assert 0 < low < high
    assert asked.dollars == (pytest.approx(0.531 * low / 3600), pytest.approx(0.531 * high / 3600))
    text = repr(asked)
    assert "at $0.531/h (2026-11-26)" in text
    assert "no run of VGG16 on g4dn.xlarge yet" in text
    assert re.search(r", \d{2,3} MiB for batches of 8; ", text)
    assert asked._repr_html_().count("<br>") == 5


def test_several_gpus_are_named_and_faster_than_one(photos):
    several = replace(T4, host={**HOST, "type": "g4dn.12xlarge"})

    one, four = (estimate.estimate_run(recipe(photos), place) for place in (T4, several))

    assert "on gpu (4 × T4 16 GiB)" in four.lines[0]
    assert four.parts["features"][0] < one.parts["features"][0]
    # PyTorch uses one of them.
    torch = estimate.estimate_run(recipe(photos, backend="torch"), several)
    assert torch.parts["features"][0] > 2 * four.parts["features"][0]


@pytest.mark.parametrize(("backend", "image"), [("jax", 0.025), ("torch", 0.1)])
def test_runs_on_another_number_of_gpus_do_not_count(photos, backend, image):
    several = replace(T4, host={**HOST, "type": "g4dn.12xlarge"})
    asked = recipe(photos, epochs=1, backend=backend)
    for name, seconds, devices in (("night-1", 3.2, 1), ("night-2", 0.8, 4), ("night-3", 3.2, 1)):
        took = {"start": 10.0, "features": seconds, "head": 1.0, "evaluate": 1.0}
        an_earlier_run(asked, name=name, seconds=took, host=several.host, devices=devices)

    measured = estimate.estimate_run(asked, several)

    low, high = 40 * image * 0.8, 40 * image * 1.3
    assert measured.parts["features"] == (pytest.approx(low), pytest.approx(high))


def test_runs_of_another_host_that_is_no_instance_are_not_taken_for_those_of_this_computer(photos):
    asked = recipe(photos, epochs=1)
    took = {"start": 10.0, "features": 4.0, "head": 1.0, "evaluate": 1.0}
    an_earlier_run(asked, name="night-1", seconds=took, host={"name": "lab", "id": "ada@lab"})

    here = estimate.estimate_run(asked, TrainingPlace("Trains here."))
    there = estimate.estimate_run(
        asked, TrainingPlace("", kernel=object(), host={"name": "lab", "id": "ada@lab"})
    )

    assert "no run of VGG16 on this computer yet" in here.basis
    assert "Measured in 1 runs" in there.basis


def test_earlier_runs_on_the_same_type_make_the_range_narrow(photos):
    asked = recipe(photos, epochs=1)
    guessed = estimate.estimate_run(asked, T4)
    for name, features in (("night-1", 3.2), ("night-2", 4.8)):
        seconds = {"start": 10.0, "features": features, "head": 1.6, "evaluate": 2.0}
        an_earlier_run(asked, name=name, seconds=seconds)

    measured = estimate.estimate_run(asked, T4)

    # 40 images at 0.1 to 0.15 s, one fifth less to three tenths more.
    assert measured.parts["features"] == (pytest.approx(3.2), pytest.approx(7.8))
    assert measured.parts["start"] == (pytest.approx(8.0), pytest.approx(13.0))
    assert "Measured in 2 runs" in measured.basis
    assert measured.seconds[1] / measured.seconds[0] < guessed.seconds[1] / guessed.seconds[0]


def test_augmented_copies_are_computed_once_and_make_no_epoch_longer(photos):
    plain, copied = (
        estimate.estimate_run(recipe(photos, epochs=1, augment=copies), T4) for copies in (0, 2)
    )

    # Of 32 images for training and 8 for validation.
    computed = [(3 * 32 + 8) / 40 * each for each in plain.parts["features"]]
    assert copied.parts["features"] == pytest.approx(computed)
    assert copied.parts["head"] == plain.parts["head"]


def test_a_function_has_each_image_computed_in_each_epoch(photos):
    flowing = recipe(photos, epochs=4, augment="def augment(image, random):\n    return image")
    took = {"start": 10.0, "features": 4.0, "head": 1.0, "evaluate": 1.0}
    an_earlier_run(recipe(photos, epochs=1), name="night-1", seconds=took)

    asked = estimate.estimate_run(flowing, T4)

    # 40 images took 4 s once: 32 in four epochs take three times as long and more.
    assert asked.parts["head"][1] > 3 * asked.parts["features"][1]
    an_earlier_run(flowing, name="night-2", seconds={**took, "head": 1.6})
    # One epoch of 16 images took 1.6 s, with what it computed: 0.1 s for each of 4 times 32.
    assert estimate.estimate_run(flowing, T4).parts["head"][1] == pytest.approx(12.8 * 1.3)


def test_what_is_unfrozen_has_its_own_part_of_the_time(photos):
    asked = recipe(photos, epochs=1, unfreeze="block5", unfreeze_epochs=2)
    guessed = estimate.estimate_run(asked, T4)

    assert "unfrozen" not in estimate.estimate_run(recipe(photos), T4).parts
    assert list(guessed.parts) == ["start", "features", "head", "unfrozen", "saving"]
    low, high = guessed.parts["unfrozen"]
    assert 0 < low < high


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        ({"unfreeze": "block5"}, "the head, then with it VGG16: from block5 on"),
        (
            {"model": "vit_base_patch16_224_imagenet", "lora_rank": 4},
            # 24 projections of 768 values and 12 heads of 64.
            "the head, then with it adapters of rank 4, all blocks: 890,880 weights of 85,798,656",
        ),
        (
            {"model": "dinov3_vit_small_lvd1689m", "lora_rank": 4, "unfreeze": 2},
            "the head, then with it adapters of rank 4, unfreeze = 2: 12,288 weights of 21,600,000",
        ),
        (
            {"model": "swin_tiny_patch4_window7_224", "lora_rank": 4},
            "the head, then with it adapters of rank 4, all blocks: as many weights as the run "
            "says once it is loaded",
        ),
    ],
)
def test_the_number_of_trained_weights_is_said_beside_the_price(settings, trained, photos):
    asked = recipe(photos, **{"weights": "imagenet", **settings})
    guessed = estimate.estimate_run(asked, T4)

    assert f"\ntrained: {trained}\n" in repr(guessed)
    assert "unfrozen" in guessed.parts
    assert min(guessed.dollars or [0]) > 0


def test_an_own_model_and_a_preset_are_estimated_as_other_networks(photos, tmp_path):
    import keras

    pixels = keras.Input((224, 224, 3))
    keras.Model(pixels, keras.layers.Conv2D(4, 3)(pixels)).save(tmp_path / "my_model.keras")
    own = {"model": str(tmp_path / "my_model.keras"), "weights": "imagenet"}
    preset = {"model": "dinov2_small", "weights": "imagenet"}

    said = [repr(estimate.estimate_run(recipe(photos, **each), T4)) for each in (own, preset)]

    assert said[0].startswith("my_model.keras at 224 px, 32 + 8 images, 3 epochs, on gpu\n")
    assert said[1].startswith("dinov2_small at 224 px, 32 + 8 images, 3 epochs, on gpu\n")
    for each, name in zip(said, ("my_model.keras", "dinov2_small"), strict=True):
        assert f"no run of {name} on g4dn.xlarge yet" in each
        assert "at $0.531/h (2026-11-26)" in each
        assert "features of VGG16" not in each


def test_images_on_the_host_only_are_estimated_by_the_thousand():
    asked = estimate.estimate_run(recipe("far/away"), T4)

    assert asked.images is None
    assert "for 1,000 images" in repr(asked)


@pytest.mark.parametrize(
    ("budget", "place", "what", "fix"),
    [
        (0.5, TrainingPlace("Trains here."), "this computer costs none", "max_duration"),
        (
            0.5,
            TrainingPlace("", kernel=object(), host={"name": "lab"}),
            "the price of the host is not known",
            "max_duration",
        ),
        (0.001, T4, "budget = 0.001 is 7 s of gpu at $0.531/h", "budget = 0.0046"),
    ],
)
def test_a_budget_that_cannot_end_a_run_is_refused(photos, budget, place, what, fix):
    with pytest.raises(BadSetting) as refused:
        estimate.check_budget(recipe(photos, budget=budget), place)

    assert what in str(refused.value)
    assert fix in refused.value.fix


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (1000.0, "is for the whole run"),
        (0.003, "is for at least a part of the run"),
        (0.00001, "is for a part of the images"),
    ],
)
def test_what_a_budget_is_for_is_said_before(photos, budget, said):
    assert said in estimate.estimate_run(recipe(photos, budget=budget), T4).sentence

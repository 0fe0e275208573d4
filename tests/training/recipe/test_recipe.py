from __future__ import annotations

import json
import string
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Function, Recipe, check_settings, describe_sample
from dl_magics.training.recipe.settings import SETTINGS

GOOD = [
    ("model", "ResNet50", "ResNet50"),
    ("model", "vgg_16_imagenet", "VGG16"),
    ("weights", "imagenet", "imagenet"),
    ("weights", None, None),
    ("weights", "own.weights.h5", "own.weights.h5"),
    ("weights", Path("own.weights.h5"), "own.weights.h5"),
    ("image_size", 128, 128),
    ("image_size", None, 224),
    ("image_size", np.int64(64), 64),
    ("epochs", 1, 1),
    ("epochs", np.uint8(9), 9),
    ("batch_size", "auto", "auto"),
    ("batch_size", 48, 48),
    ("learning_rate", 0.01, 0.01),
    ("learning_rate", 1, 1.0),
    ("learning_rate", np.float64(0.5), 0.5),
    ("optimizer", "adamw", "adamw"),
    ("optimizer", "SGD", "sgd"),
    ("optimizer", {"class_name": "AdamW"}, "adamw"),
    (
        "optimizer",
        {"class_name": "SGD", "config": {"name": "sgd", "momentum": 0.9, "clipnorm": None}},
        {"class_name": "sgd", "config": {"momentum": 0.9}},
    ),
    ("weight_decay", None, None),
    ("weight_decay", 0, 0.0),
    ("weight_decay", 1e-4, 1e-4),
    ("label_smoothing", 0, 0.0),
    ("label_smoothing", 0.1, 0.1),
    ("class_weight", None, None),
    ("class_weight", "balanced", "balanced"),
    ("class_weight", {"cats": 2}, {"cats": 2.0}),
    ("heads", "auto", "auto"),
    ("heads", 1, 1),
    ("heads", np.int64(7), 7),
    ("unfreeze", None, None),
    ("unfreeze", "block5", "block5"),
    ("unfreeze", np.int64(4), 4),
    ("lora_rank", None, None),
    ("unfreeze_epochs", 2, 2),
    ("fine_learning_rate", 1e-6, 1e-6),
    ("dense", [], ()),
    ("dense", [64, 32], (64, 32)),
    ("dense", (64,), (64,)),
    ("dense", 128, (128,)),
    ("dropout", 0, 0.0),
    ("dropout", 0.9, 0.9),
    ("pooling", "max", "max"),
    ("pooling", None, None),
    ("augment", 0, 0),
    ("augment", 4, 4),
    ("valid", 0.5, 0.5),
    ("sample", 10, 10),
    ("sample", None, None),
    ("seed", 0, 0),
    ("seed", 2**32 - 1, 2**32 - 1),
    ("patience", 1, 1),
    ("mixed_precision", True, True),
    ("mixed_precision", False, False),
    ("mixed_precision", "auto", "auto"),
    ("workers", None, None),
    ("workers", "crew", ("crew",)),
    ("workers", ["crew-1", " crew-2 "], ("crew-1", "crew-2")),
    ("budget", None, None),
    ("budget", 0.5, 0.5),
    ("budget", 2, 2.0),
    ("then", None, None),
    ("then", "stop", "stop"),
    ("then", "terminate", "terminate"),
    ("max_duration", None, None),
    ("max_duration", "90s", 90.0),
    ("max_duration", 30, 1800.0),
    ("backend", None, None),
    ("backend", "theano", "theano"),
]
BAD = [
    ("model", 16),
    ("model", ""),
    ("model", None),
    ("model", True),
    ("weights", 5),
    ("weights", ""),
    ("weights", False),
    ("image_size", 15),
    ("image_size", 4097),
    ("image_size", 128.0),
    ("image_size", "128"),
    ("image_size", True),
    ("image_size", [128, 128]),
    ("epochs", 0),
    ("epochs", -1),
    ("epochs", 2.5),
    ("epochs", "5"),
    ("epochs", True),
    ("epochs", None),
    ("batch_size", 0),
    ("batch_size", "all"),
    ("batch_size", True),
    ("batch_size", 32.0),
    ("batch_size", None),
    ("learning_rate", 0),
    ("learning_rate", -0.1),
    ("learning_rate", 100),
    ("learning_rate", float("nan")),
    ("learning_rate", "1e-3"),
    ("learning_rate", True),
    ("optimizer", "adan"),
    ("optimizer", ""),
    ("optimizer", None),
    ("optimizer", {"config": {"momentum": 0.9}}),
    ("optimizer", {"class_name": "sgd", "config": {"momentum": [0.9]}}),
    ("optimizer", {"class_name": "sgd", "config": 0.9}),
    ("optimizer", {"class_name": "sgd", "config": {"use_ema": True}}),
    ("weight_decay", -0.1),
    ("weight_decay", "0.1"),
    ("weight_decay", True),
    ("label_smoothing", 1),
    ("label_smoothing", None),
    ("label_smoothing", True),
    ("class_weight", "even"),
    ("class_weight", {}),
    ("class_weight", {"cats": 0}),
    ("class_weight", {"cats": True}),
    ("class_weight", {0: 2.0}),
    ("class_weight", [1, 2]),
    ("heads", 0),
    ("heads", 101),
    ("heads", True),
    ("heads", None),
    ("unfreeze", 0),
    ("unfreeze", -1),
    ("unfreeze", ""),
    ("unfreeze", True),
    ("unfreeze", 2.5),
    ("lora_rank", 0),
    ("lora_rank", 1.5),
    ("unfreeze_epochs", 0),
    ("unfreeze_epochs", None),
    ("fine_learning_rate", 0),
    ("fine_learning_rate", "1e-5"),
    ("dense", [0]),
    ("dense", [True]),
    ("dense", "256"),
    ("dense", None),
    ("dense", [256, "x"]),
    ("dropout", 1),
    ("dropout", -0.1),
    ("dropout", True),
    ("dropout", "0.5"),
    ("pooling", "mean"),
    ("pooling", ""),
    ("pooling", True),
    ("augment", -1),
    ("augment", 0.5),
    ("augment", True),
    ("augment", "flip"),
    ("augment", None),
    ("valid", 0),
    ("valid", 1),
    ("valid", 20),
    ("valid", True),
    ("valid", None),
    ("sample", 1),
    ("sample", "all"),
    ("sample", True),
    ("sample", 10.5),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", None),
    ("seed", True),
    ("seed", 4.0),
    ("patience", 0),
    ("patience", None),
    ("patience", True),
    ("mixed_precision", "float16"),
    ("mixed_precision", 1),
    ("mixed_precision", None),
    *(("workers", each) for each in (4, True, "", [], ["a", ""], ["a", "a"], ["a", 3])),
    ("budget", 0),
    ("budget", "1 dollar"),
    ("budget", True),
    ("then", "halt"),
    ("then", True),
    ("max_duration", "soon"),
    ("max_duration", 0),
    ("max_duration", True),
    ("backend", "tf"),
    ("backend", 1),
]


def refusal(name, value, data="photos"):
    with pytest.raises(BadSetting) as caught:
        check_settings(data, {name: value})
    happened, fix = caught.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened, fix


def test_no_settings_give_the_defaults():
    recipe = check_settings("photos", {})

    assert recipe == Recipe(data="photos")


def test_the_table_and_the_recipe_name_the_same_settings_and_defaults():
    recipe = Recipe(data="photos")

    beside = {"data", "head", "head_names", "augment_function", "augment_names"}
    assert {each.name for each in fields(Recipe)} - beside == set(SETTINGS)
    for name, setting in SETTINGS.items():
        default = getattr(recipe, name)
        assert default == (
            setting.default if name != "image_size" else applications.APPLICATIONS["VGG16"].size
        )


def test_every_setting_is_tried_with_good_and_bad_values():
    assert {name for name, *_ in GOOD} == set(SETTINGS)
    assert {name for name, _ in BAD} == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_allowed_by_its_own_rule(name):
    value = getattr(check_settings("photos", {name: SETTINGS[name].default}), name)

    assert value == getattr(Recipe(data="photos"), name)


@pytest.mark.parametrize(("name", "value", "becomes"), GOOD)
def test_a_valid_value_is_accepted(name, value, becomes):
    taken = getattr(check_settings("photos", {name: value}), name)

    assert taken == becomes
    assert type(taken) is type(becomes)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_an_invalid_value_is_quoted_with_what_is_expected(name, value):
    happened, fix = refusal(name, value)

    with pytest.raises(ValueError, match=r".+") as wanted:
        SETTINGS[name].rule(value)
    assert happened == f"BadSetting: {name} = {value!r} is not valid."
    assert fix == f"  {name} is {wanted.value} ({SETTINGS[name].meaning})."


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("epoch", "epochs"),
        ("Epochs", "epochs"),
        ("learnin_rate", "learning_rate"),
        ("lr_rate", "learning_rate"),
        ("batchsize", "batch_size"),
        ("drop_out", "dropout"),
        ("imagesize", "image_size"),
        ("pool", "pooling"),
        ("augmentation", "augment"),
    ],
)
def test_a_misspelled_setting_suggests_the_closest_name(name, nearest):
    happened, fix = refusal(name, 3)

    assert happened == f"BadSetting: {name} = 3: there is no setting {name!r}."
    assert fix.startswith(f"  Nearest: {nearest}. All settings: model, ")


def test_an_unknown_setting_lists_all_names():
    _, fix = refusal("zzzzzz", 3)

    assert fix == f"  All settings: {', '.join(SETTINGS)}"


def test_workers_are_at_most_100():
    _, fix = refusal("workers", [str(number) for number in range(101)])

    assert "a list of at most 100 names" in fix


def adam(**config):
    return {"class_name": "Adam", "config": {"beta_1": 0.8, **config}}


def test_the_rates_in_the_configuration_of_an_optimizer_become_settings():
    recipe = check_settings(
        "photos", {"optimizer": adam(learning_rate=0.01, weight_decay=None), "epochs": 2}
    )

    assert recipe == Recipe(
        data="photos",
        learning_rate=0.01,
        epochs=2,
        optimizer={"class_name": "adam", "config": {"beta_1": 0.8}},
    )


@pytest.mark.parametrize(
    ("settings", "happened", "fix"),
    [
        (
            {"optimizer": adam(learning_rate=0.01), "learning_rate": 0.1},
            "learning_rate is set twice: 0.1, and 0.01 in optimizer.",
            "Keep one of them: learning_rate = 0.1",
        ),
        (
            {"optimizer": adam(weight_decay=2)},
            "weight_decay = 2 is not valid.",
            f"weight_decay is a number above 0 and below 1, or 0 or None "
            f"({SETTINGS['weight_decay'].meaning}).",
        ),
    ],
)
def test_a_rate_in_the_configuration_of_an_optimizer_is_checked(settings, happened, fix):
    with pytest.raises(BadSetting) as caught:
        check_settings("photos", settings)

    assert caught.value._render_traceback_() == [f"BadSetting: {happened}", f"  {fix}"]


@pytest.mark.parametrize("data", ["", "   "])
def test_a_recipe_without_a_folder_is_refused(data):
    happened, fix = refusal("epochs", 3, data)

    assert happened == "BadSetting: %%finetune got no image folder."
    assert "%%finetune data/dogscats" in fix


def test_an_image_size_below_the_models_minimum_is_refused():
    with pytest.raises(BadSetting) as caught:
        check_settings("photos", {"model": "xception", "image_size": 64})

    assert caught.value._render_traceback_() == [
        "BadSetting: image_size = 64 is too small for Xception.",
        "  Use image_size = 71 or more; Xception was made for 299.",
    ]


def test_the_default_image_size_is_that_of_the_model():
    assert check_settings("photos", {"model": "NASNetLarge"}).image_size == 331
    assert check_settings("photos", {"model": "NASNetLarge", "image_size": None}).image_size == 331


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("x" * 500, f"'{'x' * 76}…"),
        (np.zeros((3, 3)), "array([[0., 0., 0.], [0., 0., 0.], [0., 0., 0.]])"),
        (10**5000, "a number of thousands of digits"),
    ],
    ids=["long", "of many lines", "huge"],
)
def test_a_long_value_is_quoted_on_one_line(value, quoted):
    happened, _ = refusal("epochs", value)
    unknown, _ = refusal("epoch", value)

    assert happened == f"BadSetting: epochs = {quoted} is not valid."
    assert unknown.startswith(f"BadSetting: epoch = {quoted}: ")


def test_a_recipe_cannot_be_changed():
    recipe = Recipe(data="photos")

    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 6


settings = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(sorted(applications.APPLICATIONS)),
        "weights": st.none() | st.text(string.printable, min_size=1).filter(str.strip),
        "image_size": st.integers(128, 4096),
        "epochs": st.integers(1, 1000),
        "batch_size": st.just("auto") | st.integers(1, 65536),
        "learning_rate": st.floats(1e-9, 99),
        "optimizer": st.sampled_from(["sgd", adam(amsgrad=True)]),
        "weight_decay": st.none() | st.floats(0, 0.99),
        "label_smoothing": st.floats(0, 0.99),
        "class_weight": st.sampled_from([None, "balanced"])
        | st.dictionaries(st.text(), st.floats(0.01, 100), min_size=1),
        "heads": st.just("auto") | st.integers(1, 100),
        "dense": st.lists(st.integers(1, 65536)),
        "dropout": st.floats(0, 0.99),
        "pooling": st.sampled_from(["avg", "max", None]),
        "augment": st.integers(0, 100),
        "valid": st.floats(0.01, 0.99),
        "sample": st.none() | st.integers(2, 10**9),
        "seed": st.integers(0, 2**32 - 1),
        "patience": st.integers(1, 100),
        "mixed_precision": st.sampled_from(["auto", True, False]),
        "max_duration": st.none() | st.floats(0.1, 5e5),
        "workers": st.none() | st.lists(st.text("abc-", min_size=1), min_size=1, unique=True),
        "budget": st.none() | st.floats(0.01, 1e4),
        "then": st.sampled_from([None, "stop", "terminate"]),
    },
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(settings, st.text(), st.dictionaries(st.text(), plain, max_size=3))
def test_a_recipe_survives_a_round_trip_through_json(wanted, head, names):
    # A number of copies and a function exclude each other, as do workers and a function.
    own = {} if {"augment", "workers"} & wanted.keys() else {"augment": Function(head, names)}
    functions = {"head": Function(head, names), **own}
    recipe = check_settings("photos/ä ö", wanted, functions=functions)

    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))

    assert again == recipe
    assert isinstance(again.dense, tuple)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, ""),
        (
            {"sample": 60},
            "sample = 60: at most 60 images of each class for training and 12 for validation, "
            "also if there is a folder valid/.",
        ),
        (
            {"sample": 2},
            "sample = 2: at most 2 images of each class for training and 1 for validation, "
            "also if there is a folder valid/.",
        ),
    ],
)
def test_a_sample_says_what_it_does_to_both_parts(settings, sentence):
    assert describe_sample(check_settings("photos", settings)) == sentence

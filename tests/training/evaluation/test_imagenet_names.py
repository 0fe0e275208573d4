"""ImageNet classes by a whole network in Keras' cache: one with random weights and a known bias."""

from __future__ import annotations

import json

import pytest

from dl_magics.training.evaluation import imagenet_names
from dl_magics.training.recipe.applications import APPLICATIONS
from support import tiny_keras

RECIPE = {"model": "MobileNetV3Small", "weights": "imagenet"}
TABBY = 281


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras/models").mkdir(parents=True)
    return tmp_path / "keras/models"


def write_names(cache):
    names = {str(n): [f"n{n}", "tabby_cat" if n == TABBY else f"class_{n}"] for n in range(1000)}
    (cache / imagenet_names.INDEX).write_text(json.dumps(names))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The weights of a network that sees a tabby in everything."""
    from dl_magics.training.weights.graph import build_whole

    network = build_whole(APPLICATIONS["MobileNetV3Small"])
    last = next(layer for layer in reversed(network.layers) if layer.weights)
    kernel, bias = last.get_weights()
    bias[TABBY] = 100
    last.set_weights([kernel, bias])
    path = tmp_path_factory.mktemp("whole") / "whole.h5"  # the format of Keras' downloads
    network.save(path)
    return path


def test_the_classes_are_those_of_the_whole_network_in_the_cache_of_keras(cache, weights, tmp_path):
    write_names(cache)
    imagenet_names.find_file(APPLICATIONS["MobileNetV3Small"]).symlink_to(weights)
    photo = tiny_keras.photo(tmp_path / "a.png", "red", 1)

    assert imagenet_names.name_images(RECIPE, [photo] * 2) == (["tabby cat"] * 2, "")


def test_what_is_missing_is_named_with_how_to_download_it(cache):
    names, why = imagenet_names.name_images(RECIPE, [])

    assert names == []
    assert "has no weights_mobilenet_v3_small_224_1.0_float.h5 and no imagenet_class_index" in why
    assert "keras.applications.MobileNetV3Small()" in why


def test_damaged_files_are_a_reason_too(cache):
    write_names(cache)
    imagenet_names.find_file(APPLICATIONS["MobileNetV3Small"]).write_bytes(b"<html>")

    names, why = imagenet_names.name_images(RECIPE, [])

    assert names == []
    assert why.startswith("The ImageNet classes of the images are left out: ")


@pytest.mark.parametrize(
    "recipe",
    [{**RECIPE, "weights": None}, {**RECIPE, "weights": "my.h5"}, {"model": "dinov2_small"}, {}],
)
def test_a_network_of_something_else_has_no_imagenet_classes(cache, recipe):
    assert imagenet_names.name_images(recipe, []) == ([], "")

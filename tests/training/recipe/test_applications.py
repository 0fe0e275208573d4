from __future__ import annotations

import inspect
import sys

import pytest

from dl_magics.training.recipe import applications as keras_applications

SOURCES = "keras.src.applications."
# Keras has one file per size of these, and no digest.
WITHOUT_DIGEST = {"MobileNet", "MobileNetV2"}


class Asked(Exception):
    pass


class Anything:
    """Replaces Keras' layers and their results: accepts every call."""

    def __call__(self, *_, **__):
        return self

    __getattr__ = __getitem__ = __add__ = __mul__ = __rmul__ = __rsub__ = __truediv__ = __mod__ = (
        __call__
    )

    def __int__(self):
        return 8

    def __gt__(self, other):
        return False


@pytest.fixture(scope="module")
def applications():
    import keras

    return keras.applications


@pytest.fixture
def asked_of(monkeypatch, applications):
    """Return the downloads that a model requests from Keras, without building its layers."""

    def get_file(fname=None, origin=None, *, md5_hash=None, file_hash=None, **_):
        raise Asked(fname or origin.rpartition("/")[2], md5_hash or file_hash or "")

    sources = [sys.modules[name] for name in sys.modules if name.startswith(SOURCES)]
    for source in sources:
        for name, value in list(vars(source).items()):
            if name in ("layers", "ops", "Functional", "Sequential") or is_layer(value):
                monkeypatch.setattr(source, name, Anything())
        if hasattr(source, "file_utils"):
            monkeypatch.setattr(source.file_utils, "get_file", get_file)

    def ask(name, size):
        build = getattr(applications, name)
        with pytest.raises(Asked) as asked:
            build(include_top=False, weights="imagenet", input_shape=(size, size, 3))
        return asked.value.args

    return ask


def is_layer(value):
    import keras

    return inspect.isclass(value) and issubclass(value, keras.layers.Layer)


def source_of(applications, name):
    return inspect.getmodule(inspect.unwrap(getattr(applications, name)))


def test_every_model_of_keras_is_in_the_table_and_nothing_else(applications):
    models = {name for name in dir(applications) if name[0].isupper()}

    assert set(keras_applications.APPLICATIONS) == models
    assert len(models) == 40


# MobileNetV3 has its own size check.
BY_ITSELF = {"MobileNetV3Large", "MobileNetV3Small"}


@pytest.mark.parametrize("name", sorted(set(keras_applications.APPLICATIONS) - BY_ITSELF))
def test_the_minimum_sizes_are_those_of_keras(monkeypatch, applications, name):
    def obtain_input_shape(shape, default_size, min_size, **_):
        raise Asked(default_size, min_size)

    source = source_of(applications, name)
    monkeypatch.setattr(source.imagenet_utils, "obtain_input_shape", obtain_input_shape)

    with pytest.raises(Asked) as asked:
        getattr(applications, name)(include_top=False, weights=None)

    assert asked.value.args == (
        keras_applications.APPLICATIONS[name].size,
        keras_applications.APPLICATIONS[name].smallest,
    )


@pytest.mark.parametrize("name", sorted(BY_ITSELF))
def test_mobilenet_v3_has_its_own_size_check(applications, name):
    smallest = keras_applications.APPLICATIONS[name].smallest

    with pytest.raises(ValueError, match=f"at least {smallest}x{smallest}"):
        getattr(applications, name)(input_shape=(smallest - 1, smallest - 1, 3), weights=None)

    assert (
        f"_{keras_applications.APPLICATIONS[name].size}_"
        in keras_applications.APPLICATIONS[name].file
    )


@pytest.mark.parametrize("name", keras_applications.APPLICATIONS)
def test_file_and_digest_are_those_of_keras(asked_of, name):
    asked = asked_of(name, keras_applications.APPLICATIONS[name].size)

    assert asked == (
        keras_applications.APPLICATIONS[name].file,
        keras_applications.APPLICATIONS[name].digest,
    )
    assert bool(keras_applications.APPLICATIONS[name].digest) == (name not in WITHOUT_DIGEST)


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("name", sorted(set(keras_applications.APPLICATIONS) - WITHOUT_DIGEST))
def test_keras_downloads_the_same_file_for_every_size(asked_of, name):
    asked = asked_of(name, keras_applications.APPLICATIONS[name].smallest + 32)

    assert asked == (
        keras_applications.APPLICATIONS[name].file,
        keras_applications.APPLICATIONS[name].digest,
    )


@pytest.mark.parametrize("name", keras_applications.APPLICATIONS)
def test_each_model_belongs_to_a_family_with_preprocessing(applications, name):
    assert callable(source_of(applications, name).preprocess_input)

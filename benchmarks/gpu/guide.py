"""Train as the guide https://keras.io/guides/transfer_learning does: in a process of its own.

    python guide.py SETTING POLICY

A model that contains a frozen VGG16 is trained on the images: each epoch reads, decodes and
computes all of them. Without TensorFlow, images are read by PyTorch's DataLoader in as many
processes as there are cores or, on JAX, by a PyDataset in as many threads.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from setting import Setting, setting_of_child

_BATCH_SIZE = 32


class Images(keras.utils.PyDataset):
    """The images of a folder, with the numbers of their classes."""

    def __init__(self, folder: Path, size: int, *, shuffle: bool) -> None:
        super().__init__(workers=os.cpu_count() or 1, max_queue_size=32)
        self.classes = sorted(each.name for each in folder.iterdir())
        self.files = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((folder / name).iterdir())
        ]
        self.size = size
        self.shuffle = shuffle
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.files) / _BATCH_SIZE)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        at = self.order[index * _BATCH_SIZE : (index + 1) * _BATCH_SIZE]
        read = [self.read(number) for number in at]
        return np.stack([pixels for pixels, _ in read]), np.array([label for _, label in read])

    def on_epoch_end(self) -> None:
        """Draw a new order."""
        images = len(self.files)
        self.order = np.random.permutation(images) if self.shuffle else np.arange(images)

    def read(self, number: int) -> tuple[Any, int]:
        """Read and scale one image as `image_dataset_from_directory` does."""
        path, label = self.files[number]
        picture = keras.utils.load_img(
            path, target_size=(self.size, self.size), interpolation="bilinear"
        )
        return np.asarray(picture, np.float32), label


class Listed:
    """The same images one by one, for PyTorch's DataLoader."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images.files)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return self.images.read(number)


def open_images(setting: Setting) -> tuple[Any, Any, int, str]:
    """Return images for training and validation, the number of classes, and what reads them."""
    data, size = Path(setting.data), setting.run_size
    train = Images(data / "train", size, shuffle=True)
    valid = Images(data / "valid", size, shuffle=False)
    if setting.backend != "torch":
        return train, valid, len(train.classes), "PyDataset"
    from torch.utils.data import DataLoader

    workers = {"num_workers": os.cpu_count() or 1, "persistent_workers": True}
    return (
        DataLoader(Listed(train), _BATCH_SIZE, shuffle=True, **workers),
        DataLoader(Listed(valid), _BATCH_SIZE, **workers),
        len(train.classes),
        "DataLoader",
    )


def build_model(setting: Setting, classes: int) -> keras.Model:
    """Return the guide's model: preprocessing, frozen base, head."""
    size = setting.run_size
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(size, size, 3))
    if setting.weights:
        base.load_weights(setting.weights)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    hidden = keras.applications.vgg16.preprocess_input(inputs)
    hidden = base(hidden, training=False)
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    hidden = keras.layers.Dense(256, activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.5)(hidden)
    outputs = keras.layers.Dense(classes, dtype="float32")(hidden)
    model = keras.Model(inputs, outputs)
    compile_model(model, 1e-3)
    return model


def compile_model(model: keras.Model, rate: float) -> None:
    """Compile the guide's model for a learning rate."""
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def unfreeze(model: keras.Model, block: str) -> None:
    """Let the guide's model be trained from a block of its base on, as in its second part."""
    base = next(each for each in model.layers if isinstance(each, keras.Model))
    base.trainable = True
    for layer in base.layers[: [each.name.startswith(block) for each in base.layers].index(True)]:
        layer.trainable = False
    compile_model(model, 1e-5)


def main() -> None:
    setting, policy = setting_of_child(), sys.argv[2]
    keras.utils.set_random_seed(42)
    keras.config.set_dtype_policy(policy)
    train, valid, classes, reader = open_images(setting)
    model = build_model(setting, classes)
    keep = keras.callbacks.ModelCheckpoint(
        setting.folder / f"guide-{setting.backend}-{policy}.keras", save_best_only=True
    )
    history = model.fit(
        train, validation_data=valid, epochs=setting.epochs, callbacks=[keep], verbose=2
    ).history
    best = int(np.argmin(history["val_loss"]))
    print(json.dumps({"accuracy": history["val_accuracy"][best], "reader": reader}))


if __name__ == "__main__":
    main()

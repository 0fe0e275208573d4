"""The usual Keras way against `%%finetune`: same photos, same head, same epochs, whole processes.

    python benchmarks/finetune_vs_keras_guide.py DATA [--image-size 128] [--epochs 5] [--weights F]

The usual way is that of the guide https://keras.io/guides/transfer_learning: a frozen VGG16 inside
the model that `fit` trains, on `image_dataset_from_directory`. Both sides are fresh processes,
imports included, one after the other; the second side runs once with mixed_precision = False
(float32 as the guide) and once with "auto".
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

GUIDE = """
import json, sys
import keras
data, size, epochs, weights = json.loads(sys.argv[1])
keras.utils.set_random_seed(42)
train, valid = (
    keras.utils.image_dataset_from_directory(
        f"{data}/{part}", image_size=(size, size), batch_size=32, seed=42
    )
    for part in ("train", "valid")
)
base = keras.applications.VGG16(weights=weights, include_top=False, input_shape=(size, size, 3))
base.trainable = False
inputs = keras.Input((size, size, 3))
x = keras.applications.vgg16.preprocess_input(inputs)
x = base(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dense(256, activation="relu")(x)
x = keras.layers.Dropout(0.5)(x)
outputs = keras.layers.Dense(len(train.class_names))(x)
model = keras.Model(inputs, outputs)
model.compile(
    keras.optimizers.Adam(1e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
keep = keras.callbacks.ModelCheckpoint(sys.argv[2] + "/best.keras", save_best_only=True)
told = model.fit(train, validation_data=valid, epochs=epochs, callbacks=[keep], verbose=2)
history = told.history
best = min(range(epochs), key=history["val_loss"].__getitem__)
print(json.dumps({"accuracy": history["val_accuracy"][best]}))
"""

OURS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
data, size, epochs, weights, mixed = json.loads(sys.argv[1])
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "dl_magics")
run = shell.run_cell_magic(
    "finetune",
    data,
    f"image_size={size}\\nepochs={epochs}\\nweights={weights!r}\\nmixed_precision={mixed!r}\\n",
)
print(json.dumps({"accuracy": run.best["val_accuracy"]}))
"""


def timed(code: str, *arguments: str) -> tuple[float, float]:
    """Run a fresh process; return its seconds and the validation accuracy of its best epoch."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"DL_MAGICS_HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"}
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, home],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - started
    return seconds, json.loads(done.stdout.strip().splitlines()[-1])["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--weights", default="imagenet")
    asked = parser.parse_args()
    common = [str(Path(asked.data).resolve()), asked.image_size, asked.epochs, asked.weights]
    print(machine())
    guide, guide_accuracy = timed(GUIDE, json.dumps(common))
    print(f"the usual Keras way:           {guide:7.1f} s, val_accuracy {guide_accuracy:.3f}")
    for mixed in (False, "auto"):
        ours, accuracy = timed(OURS, json.dumps([*common, mixed]))
        name = f"%%finetune, mixed={mixed}:"
        print(f"{name:30} {ours:7.1f} s, val_accuracy {accuracy:.3f}: {guide / ours:.1f} times")


if __name__ == "__main__":
    main()

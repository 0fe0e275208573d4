"""Compare `%%finetune` with the Keras guide: same images, head and epochs, whole processes.

    python benchmarks/finetune_vs_keras_guide.py DATA [--image-size 128] [--epochs 5] [--weights F]

The guide https://keras.io/guides/transfer_learning trains a model that contains a frozen VGG16, on
`image_dataset_from_directory`. Each side runs in a fresh process, imports included, one after the
other; `%%finetune` runs once with mixed_precision = False (float32, as in the guide) and once with
"auto".
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

from machine import describe_machine

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
result = model.fit(train, validation_data=valid, epochs=epochs, callbacks=[keep], verbose=2)
history = result.history
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


def run_timed(code: str, *arguments: str) -> tuple[float, float]:
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
    options = parser.parse_args()
    common = [
        str(Path(options.data).resolve()),
        options.image_size,
        options.epochs,
        options.weights,
    ]
    print(describe_machine())
    guide, guide_accuracy = run_timed(GUIDE, json.dumps(common))
    print(f"the Keras guide:               {guide:7.1f} s, val_accuracy {guide_accuracy:.3f}")
    for mixed in (False, "auto"):
        ours, accuracy = run_timed(OURS, json.dumps([*common, mixed]))
        name = f"%%finetune, mixed={mixed}:"
        print(f"{name:30} {ours:7.1f} s, val_accuracy {accuracy:.3f}: {guide / ours:.1f} times")


if __name__ == "__main__":
    main()

"""Compare `unfreeze` with the Keras guide's fine-tuning: same images, layers, head and epochs.

    python benchmarks/unfreeze.py DATA [--image-size 128] [--unfreeze block5] [--weights F]
    python benchmarks/unfreeze.py DATA --only-accuracy --seeds 3 [--heads 1] [--photos 100]

The guide https://keras.io/guides/transfer_learning makes layers of the network trainable and trains
the whole model on `image_dataset_from_directory` once more. Each side runs in a fresh process, one
after the other, in float32. The seconds are those of the last of two epochs, validation included.
With --seeds N, `%%finetune` also trains with `unfreeze`, for N seeds: the best epoch of the head
alone is compared with that of the whole run. With --photos N it has so many photos of each class,
others for each seed. With --divide, all photos are divided anew for each seed, as many for
validation as valid/ has: these are few, and a single division may suit one of both.
--only-accuracy leaves the Keras guide out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe_machine

SIDES = ("head", "whole")

GUIDE = """
import json, sys, time
import keras
data, size, unfreeze, weights, home = json.loads(sys.argv[1])
keras.utils.set_random_seed(42)
train, valid = (
    keras.utils.image_dataset_from_directory(
        f"{data}/{part}", image_size=(size, size), batch_size=32, seed=42
    )
    for part in ("train", "valid")
)
base = keras.applications.VGG16(weights=weights, include_top=False, input_shape=(size, size, 3))
base.trainable = True
first = [layer.name.startswith(unfreeze) for layer in base.layers].index(True)
for layer in base.layers[:first]:
    layer.trainable = False
inputs = keras.Input((size, size, 3))
x = keras.applications.vgg16.preprocess_input(inputs)
x = base(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dense(256, activation="relu")(x)
x = keras.layers.Dropout(0.5)(x)
model = keras.Model(inputs, keras.layers.Dense(len(train.class_names))(x))
model.compile(
    keras.optimizers.Adam(1e-5),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
ends = []
ended = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.time()))
model.fit(train, validation_data=valid, epochs=2, verbose=0, callbacks=[ended])
print(json.dumps({"seconds": ends[1] - ends[0]}))
"""

OURS = """
import json, shlex, sys
data, size, unfreeze, weights, home = json.loads(sys.argv[1])
settings = json.loads(sys.argv[2])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "dl_magics")
common = {"image_size": size, "weights": weights, "mixed_precision": False}
body = "".join(f"{name} = {value!r}\\n" for name, value in {**common, **settings}.items())
run = shell.run_cell_magic("finetune", shlex.quote(data), body)
run.record.refresh()
ends = [each.t for each in run.record.events if each.kind == "epoch_ended"]
epochs = [each for each in run.record.events if each.kind == "epoch_ended"]
heads = [each.logs for each in epochs if each.phase == "head"]
head = min(heads, key=lambda logs: logs["val_loss"])
print(json.dumps({"seconds": ends[-1] - ends[-2], "head": head, "whole": dict(run.best)}))
"""


def run_fresh(code: str, home: str, *arguments: object) -> dict[str, Any]:
    """Run a fresh process; return what its last line says."""
    environment = os.environ | {"DL_MAGICS_HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(json.dumps, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"It failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def choose_photos(data: Path, count: int, divide: bool, seed: int, to: Path) -> Path:
    """Copy photos of each class, at most `count` of them for training; return the folder.

    Those of train/ and valid/ are divided anew if `divide` is true.
    """
    generator = random.Random(seed)
    for folder in sorted(data.glob("train/*")):
        train, valid = (
            sorted((data / part / folder.name).iterdir()) for part in ("train", "valid")
        )
        if divide:
            mixed = generator.sample(train + valid, len(train) + len(valid))
            train, valid = mixed[: len(train)], mixed[len(train) :]
        train = generator.sample(train, min(count or len(train), len(train)))
        for part, files in (("train", train), ("valid", valid)):
            (to / part / folder.name).mkdir(parents=True)
            for file in files:
                shutil.copy(file, to / part / folder.name)
    return to


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--unfreeze", default="block5")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--augment", type=int, default=0)
    parser.add_argument("--unfreeze-epochs", type=int, default=3)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--photos", type=int, default=0)
    parser.add_argument("--divide", action="store_true")
    parser.add_argument("--only-accuracy", action="store_true")
    options = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as home:
        data = str(Path(options.data).resolve())
        common = [data, options.image_size, options.unfreeze, options.weights, home]
        once = {"heads": 1, "epochs": 1, "unfreeze": options.unfreeze, "unfreeze_epochs": 2}
        if not options.only_accuracy:
            ours = run_fresh(OURS, home, common, once)["seconds"]
            guide = run_fresh(GUIDE, home, common)["seconds"]
            print(f"an epoch of the Keras guide: {guide:6.1f} s")
            print(
                f"an epoch of unfreeze:        {ours:6.1f} s: {guide / ours:.1f} times", flush=True
            )
        compare_accuracy(options, common)


def compare_accuracy(options: argparse.Namespace, common: list[Any]) -> None:
    """Print accuracy and loss of the head alone and of the whole run, for each seed."""
    data, *others = common
    rows = []
    for seed in range(1, options.seeds + 1):
        photos = data
        if options.photos or options.divide:
            to = Path(common[-1], f"photos-{seed}")
            photos = str(choose_photos(Path(data), options.photos, options.divide, seed, to))
        settings = {
            # With one seed the copies of a photo are the same in each division, and computed once.
            "seed": 1 if options.divide else seed,
            "heads": options.heads,
            "augment": options.augment,
            "unfreeze": options.unfreeze,
            "unfreeze_epochs": options.unfreeze_epochs,
        }
        found = run_fresh(OURS, common[-1], [photos, *others], settings)
        rows.append([found[each][f"val_{name}"] for name in ("accuracy", "loss") for each in SIDES])
        print(f"seed {seed}: {describe_row(rows[-1])}", flush=True)
    if rows:
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        print(f"mean:   {describe_row(means)}")


def describe_row(row: list[float]) -> str:
    """Return accuracy and loss of both sides as text."""
    head, whole, head_loss, loss = row
    return (
        f"head {head:.4f} (val_loss {head_loss:.3f}), with unfreeze {whole:.4f} ({loss:.3f}): "
        f"{100 * (whole - head):+.2f} points"
    )


if __name__ == "__main__":
    main()

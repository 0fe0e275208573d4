"""Compare `unfreeze` with the Keras guide's fine-tuning: same images, layers, head and epochs.

    python benchmarks/unfreeze.py DATA [--image-size 128] [--unfreeze block5] [--weights F]
    python benchmarks/unfreeze.py DATA --only-accuracy --seeds 3 [--photos 100]

The guide https://keras.io/guides/transfer_learning makes layers of the network trainable and trains
the whole model on `image_dataset_from_directory` once more. Each side runs in a fresh process, one
after the other, in float32. The seconds are those of the last of two epochs, validation included.
With --seeds N, `%%finetune` also trains with the head alone and with `unfreeze`, for N seeds; with
--photos N on so many photos of each class, others for each seed, and on all of valid/.
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

from machine import describe_machine

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
import json, os, sys
data, size, unfreeze, weights, home = json.loads(sys.argv[1])
settings = json.loads(sys.argv[2])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "dl_magics")
common = {"image_size": size, "weights": weights, "mixed_precision": False}
body = "".join(f"{name} = {value!r}\\n" for name, value in {**common, **settings}.items())
run = shell.run_cell_magic("finetune", data, body)
run.record.refresh()
ends = [each.t for each in run.record.events if each.kind == "epoch_ended"]
print(json.dumps({"seconds": ends[-1] - ends[-2], "accuracy": run.best["val_accuracy"]}))
"""


def run_fresh(code: str, home: str, *arguments: object) -> dict[str, float]:
    """Run a fresh process; return what its last line says."""
    environment = os.environ | {"DL_MAGICS_HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(json.dumps, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def choose_photos(data: Path, count: int, seed: int, to: Path) -> Path:
    """Copy some photos of each class of train/, and all of valid/; return the folder."""
    generator = random.Random(seed)
    for folder in sorted(data.glob("train/*")):
        files = sorted(folder.iterdir())
        (to / "train" / folder.name).mkdir(parents=True)
        for file in generator.sample(files, min(count, len(files))):
            shutil.copy(file, to / "train" / folder.name)
    (to / "valid").symlink_to(data / "valid")
    return to


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--unfreeze", default="block5")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--augment", type=int, default=0)
    parser.add_argument("--photos", type=int, default=0)
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
        chosen = dict.fromkeys(range(1, options.seeds + 1), data)
        if options.photos:
            for seed in chosen:
                to = Path(home, f"photos {seed}")
                chosen[seed] = str(choose_photos(Path(data), options.photos, seed, to))
        for name, more in (("head", {}), ("unfreeze", {"unfreeze": options.unfreeze})):
            accuracies = []
            for seed, photos in chosen.items():
                settings = {"seed": seed, "augment": options.augment, **more}
                asked = [photos, *common[1:]]
                accuracies.append(run_fresh(OURS, home, asked, settings)["accuracy"])
                print(f"{name}, seed {seed}: {accuracies[-1]:.4f}", flush=True)
            if accuracies:
                print(f"{name}: mean {sum(accuracies) / len(accuracies):.4f}", flush=True)


if __name__ == "__main__":
    main()

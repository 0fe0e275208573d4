"""Mean validation accuracy of the defaults over seeds, in float32 and with mixed_precision "auto".

python benchmarks/accuracy.py DATA [--image-size 224] [--seeds 3]
"""

from __future__ import annotations

import argparse
import os
import tempfile

from machine import machine

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.finetune import finetune
from dl_magics.training.recipe.recipe import parse
from dl_magics.training.run import Run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", default="imagenet")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"DL_MAGICS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3"}
        print(f"{machine()}\nVGG16, {asked.image_size} px, the defaults")
        for mixed in (False, "auto"):
            reached = []
            for seed in range(1, asked.seeds + 1):
                settings = {"image_size": asked.image_size, "weights": asked.weights}
                recipe = parse(asked.data, settings | {"seed": seed, "mixed_precision": mixed})
                folder = runs.new(recipe)
                for _ in finetune(recipe, folder, lambda: False):
                    pass
                reached.append(Run(folder).best["val_accuracy"])
            shown = ", ".join(f"{each:.4f}" for each in reached)
            mean = sum(reached) / len(reached)
            print(f"mixed_precision = {mixed!s:5}: mean {mean:.4f} of {shown}", flush=True)


if __name__ == "__main__":
    main()

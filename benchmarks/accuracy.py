"""Compare the validation accuracy with and without mixed precision, averaged over seeds.

python benchmarks/accuracy.py DATA [--image-size 224] [--seeds 3]
"""

from __future__ import annotations

import argparse
import os
import tempfile

from machine import describe_machine

from dl_magics.actions.runs import runs
from dl_magics.actions.runs.finetune import finetune
from dl_magics.training.recipe.recipe import check_settings
from dl_magics.training.run import Run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", default="imagenet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"DL_MAGICS_HOME": scratch, "TF_CPP_MIN_LOG_LEVEL": "3"}
        print(f"{describe_machine()}\nVGG16, {options.image_size} px, default settings")
        for mixed in (False, "auto"):
            accuracies = []
            for seed in range(1, options.seeds + 1):
                settings = {"image_size": options.image_size, "weights": options.weights}
                recipe = check_settings(
                    options.data, settings | {"seed": seed, "mixed_precision": mixed}
                )
                folder = runs.create_folder(recipe)
                for _ in finetune(recipe, folder, lambda: False):
                    pass
                accuracies.append(Run(folder).best["val_accuracy"])
            shown = ", ".join(f"{each:.4f}" for each in accuracies)
            mean = sum(accuracies) / len(accuracies)
            print(f"mixed_precision = {mixed!s:5}: mean {mean:.4f} of {shown}", flush=True)


if __name__ == "__main__":
    main()

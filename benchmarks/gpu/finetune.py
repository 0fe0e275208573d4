"""Train as `%%finetune` does: in a process of its own.

    python finetune.py SETTING LEARNING_RATE

A second run with another rate finds the features of the first one in the store.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from setting import setting_of_child

from dl_magics.runs.events import RunEnded, RunStarted, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder


def main() -> None:
    setting, rate = setting_of_child(), float(sys.argv[2])
    folder = setting.folder / f"runs-{setting.backend}"
    paths = RunPaths(folder / f"{rate:g}", folder / "features", folder / "weights")
    paths.run.mkdir(parents=True)
    recipe = setting.recipe(
        image_size=setting.run_size, epochs=setting.epochs, learning_rate=rate, dense=(256,)
    )
    events = list(recorder.record_new_run(replace(recipe, patience=setting.epochs), paths))
    (started,) = (event for event in events if isinstance(event, RunStarted))
    ended = events[-1]
    if not isinstance(ended, RunEnded) or ended.status != "done":
        raise SystemExit(f"the run ended: {ended}")
    print(
        json.dumps(
            {
                "accuracy": ended.best["val_accuracy"],
                "phases": dict(ended.seconds),
                "device": started.device,
                "warnings": [event.code for event in events if isinstance(event, Warned)],
            }
        )
    )


if __name__ == "__main__":
    main()

"""Run the benchmarks of `%%finetune`: `make bench DATA=path/to/photos`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = (
    ("finetune_vs_keras_guide.py", "--image-size", "128"),
    ("in_one_process.py", "--image-size", "128"),
    ("in_one_process.py", "--image-size", "224"),
    ("accuracy.py", "--image-size", "224"),
    ("unfreeze.py", "--image-size", "128", "--seeds", "3"),
)


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "valid").is_dir():
        sys.exit("DATA must be a folder with train/ and valid/: make bench DATA=path/to/photos")
    for program, *options in PROGRAMS:
        print(f"\n# {program} {' '.join(options)}", flush=True)
        subprocess.run([sys.executable, HERE / program, sys.argv[1], *options], check=True)


if __name__ == "__main__":
    main()

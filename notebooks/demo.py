"""Run 00_try_it.ipynb without a browser and say what it reached: `make demo`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from dl_magics.actions import runs

HERE = Path(__file__).parent
NOTEBOOK = HERE / "00_try_it.ipynb"


def told(cell_index: int, execute_reply: dict[str, Any], **_: Any) -> None:
    """Say that a cell is done."""
    print(f"  cell {cell_index} {execute_reply['content']['status']}", flush=True)


def main(shown: Path) -> None:
    """Execute the notebook, save it with its outputs as `shown`, and print the newest runs."""
    if "DATA" in os.environ:
        os.environ["DATA"] = str(Path(os.environ["DATA"]).expanduser().resolve())
    started = time.monotonic()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    print(f"Running {NOTEBOOK.name} …", flush=True)
    NotebookClient(
        notebook,
        timeout=3600,
        resources={"metadata": {"path": str(HERE)}},
        on_cell_executed=told,
    ).execute()
    shown.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, shown)
    second, first = runs.every()[:2]
    for title, run in (("First run", first), ("Second run, another head", second)):
        print(f"\n{title}: {run!r}")
        state = run.state
        images = sum(sum(part.values()) for part in state.counts.values())
        for phase, seconds in state.seconds.items():
            speed = f", {images / seconds:,.0f} images/s" if phase == "features" else ""
            speed = ", kept from the first run" if speed and run is second else speed
            print(f"  {phase:9} {seconds:6.1f} s{speed}")
        print(f"  report    {run.path / 'report.html'}")
    print(f"\nThe notebook with its outputs: {shown}")
    print(f"Done in {time.monotonic() - started:.0f} s. To open it in JupyterLab: make lab")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

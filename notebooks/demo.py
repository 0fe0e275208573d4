"""Execute 01_the_evening.ipynb without a browser and print its outputs: `make demo`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from dl_magics.actions.runs import runs

HERE = Path(__file__).parent
NOTEBOOK = HERE / "01_the_evening.ipynb"


def print_cell(cell: Any, execute_reply: dict[str, Any], **_: Any) -> None:
    """Print the status and the first line of a cell, and its text output."""
    print(f"\n{execute_reply['content']['status']:5} {cell.source.splitlines()[0]}", flush=True)
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        for line in text.strip().splitlines():
            print(f"      {line}", flush=True)


def main(executed: Path) -> None:
    """Execute the notebook, save it with its outputs as `executed`, and print the newest run."""
    if "DATA" in os.environ:
        os.environ["DATA"] = str(Path(os.environ["DATA"]).expanduser().resolve())
    started = time.monotonic()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    print(f"Running {NOTEBOOK.name} on the practice cloud …", flush=True)
    NotebookClient(
        notebook,
        timeout=3600,
        resources={"metadata": {"path": str(HERE)}},
        on_cell_executed=print_cell,
    ).execute()
    executed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, executed)
    run = runs.find_run()
    print(f"\nThe run, trained on the instance and downloaded: {run!r}")
    print(f"Its report: {run.path / 'report.html'}")
    print(f"The notebook with its outputs: {executed}")
    print(f"Done in {time.monotonic() - started:.0f} s. To open it in JupyterLab: make lab")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

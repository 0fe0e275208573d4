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
# ipykernel warns of TCP, and IPython of its history.
QUIET = ["--log-level=ERROR", "--HistoryManager.enabled=False"]


class PrintingClient(NotebookClient):
    """Prints the first line of each magic when it starts, and its text as it comes."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print what a message shows as text, then keep it as an output."""
        content = msg["content"]
        match msg["msg_type"]:
            case "execute_input" if cell.source.startswith("%"):
                print(f"\n{cell.source.splitlines()[0]}", flush=True)
            case "stream":
                print_indented(content["text"])
            case "display_data" | "execute_result":
                print_indented(content["data"].get("text/plain", ""))
        return super().process_message(msg, cell, cell_index)


def print_indented(text: str) -> None:
    """Print each line of an output."""
    for line in text.strip().splitlines():
        print(f"    {line}", flush=True)


def main(executed: Path) -> None:
    """Execute the notebook, save it with its outputs as `executed`, and say where it is."""
    if "DATA" in os.environ:
        os.environ["DATA"] = str(Path(os.environ["DATA"]).expanduser().resolve())
    started = time.monotonic()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    print(f"Running {NOTEBOOK.name} on the practice cloud: it costs nothing.", flush=True)
    PrintingClient(
        notebook,
        timeout=3600,
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=QUIET,
    ).execute()
    executed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, executed)
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    print(f"The notebook with its outputs: {executed} · `make lab` opens it in JupyterLab.")
    print(f"The report of the run: {runs.find_run().path / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

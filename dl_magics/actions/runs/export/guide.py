"""The README of exported scripts: what each does, what they need, what they do not do."""

from __future__ import annotations

from importlib.resources import files

from dl_magics.core.instance import Instance
from dl_magics.text import escape_controls
from dl_magics.training.run import Run

FILE = "README.md"
_ONLY_WITH_RUN = "{run}"


def write_guide(instance: Instance, run: Run | None, left_out: str) -> str:
    """Return the text; `run` is the one that the scripts train, if there is one."""
    text = files("dl_magics.actions.runs.export").joinpath("guide.md").read_text("utf-8")
    lines = [
        line.removeprefix(_ONLY_WITH_RUN)
        for line in text.splitlines()
        if run or not line.startswith(_ONLY_WITH_RUN)
    ]
    written = "\n".join(lines).format(
        name=_on_one_line(instance.name),
        type=instance.type,
        name_of_run=_on_one_line(run.name) if run else "",
        left_out=_on_one_line(left_out),
    )
    return f"{written.rstrip()}\n"


def _on_one_line(text: str) -> str:
    return " ".join(escape_controls(text).split())

"""Write the report of a run anew, with what its model says of the validation images."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from dl_magics.errors import DLMagicsError
from dl_magics.runs.report import examples, page
from dl_magics.text import escape_controls, wrap_html
from dl_magics.training.evaluation import final

if TYPE_CHECKING:
    from dl_magics.runs.evaluation import Evaluation
    from dl_magics.training.run import Run


@dataclass(frozen=True, slots=True)
class Report:
    """The file of a report; `note` says what it lacks and why, "" for nothing."""

    path: Path
    note: str = ""

    def __repr__(self) -> str:
        return escape_controls("\n".join(filter(None, (str(self.path), self.note))), keep="\n")

    def _repr_html_(self) -> str:
        note = f"<br>{escape(self.note)}" if self.note else ""
        path = escape(escape_controls(str(self.path)))
        return wrap_html(f"<p>Report: <code>{path}</code>{note}</p>")


def write_report(run: Run) -> Report:
    """Write the report of a run; its images are predicted first, if they were not."""
    note = ""
    try:
        _draw_examples(run.path, run.evaluate("valid"))
    except DLMagicsError as error:
        note = f"Without what the model says of the images: {error} {error.fix}"
    return Report(page.write_report(run.path, run.state), note)


def _draw_examples(folder: Path, found: Evaluation) -> None:
    """Draw the errors anew where the images are; else those of the host are kept."""
    drawn = final.draw_pictures(found)
    if any(drawn.values()):
        examples.write_pictures(folder, drawn)

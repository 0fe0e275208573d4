"""What `run.export` returns: where the exported model is, and how it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from dl_magics.text import escape_controls, wrap_html
from dl_magics.training.export import formats


@dataclass(frozen=True)
class Exported:
    """An exported model: where it is, what it takes and gives, and how it was checked."""

    path: Path
    classes_file: Path
    format: formats.Format
    size: int
    n_classes: int
    bytes: int
    checked_on: str
    ran: str = ""
    difference: float = 0.0
    tolerance: float = 0.0
    needs: str = ""

    @property
    def code(self) -> str:
        """Lines of Python that run the file."""
        return formats.write_code(self.format, str(self.path), self.size)

    def _lines(self) -> list[str]:
        takes = (
            f"{self.path} · {self.format.name}, {self.bytes / 1e6:,.1f} MB · takes RGB pixels from "
            f"0 to 255 as float32, (images, {self.size}, {self.size}, 3), and returns the "
            f"probabilities of {self.n_classes} classes, in the order of {self.classes_file}"
        )
        checked = (
            f"Checked: {self.ran} ran the file on {self.checked_on}; its probabilities differ from "
            f"those of run.predict by at most {self.difference:.0e} (limit {self.tolerance:g})."
            if self.ran
            else f"Not checked: {self.format.runtimes[0]} is not installed. "
            f"%pip install {self.format.install}, then the same line with overwrite=True"
        )
        needs = f"It {self.needs}." if self.needs else ""
        return [escape_controls(line) for line in (takes, checked, needs) if line]

    def __repr__(self) -> str:
        return "\n".join([*self._lines(), "", self.code])

    def _repr_html_(self) -> str:
        lines = "<br>".join(map(escape, self._lines()))
        code = f'<pre style="white-space: pre-wrap">{escape(self.code)}</pre>'
        return wrap_html(f"<p>{lines}</p>{code}")

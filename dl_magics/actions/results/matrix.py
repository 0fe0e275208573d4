"""The confusion matrix of an evaluation: as HTML that a saved notebook keeps, and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from dl_magics.actions.results.gallery import QUIET, quote_text
from dl_magics.actions.results.many_classes import ClassOverview, choose_classes
from dl_magics.core import table
from dl_magics.runs.evaluation import ClassResult, Evaluation
from dl_magics.text import escape_controls, wrap_html

MOST_CLASSES = 20
_MOST_IN_TEXT, _WIDEST_TEXT = 10, 100
_RIGHT, _WRONG = "25, 118, 210", "230, 81, 0"
# A cell is never so dark that the text of a theme could not be read on it.
_DARKEST = 0.45
_CELL = "text-align: center; padding: 4px 5px; border: 1px solid #8884"
# `break-word`, not `anywhere`: on a narrow page or on paper each name would be a column of letters.
_HEAD = "text-align: left; padding: 4px 6px; font-weight: 600; overflow-wrap: break-word"
_COLUMN = f"{_HEAD}; text-align: center"
# From the bottom to the top: so many columns fit on a page of paper.
_MANY_COLUMNS, _SHORT_NAME = 6, 3
_NARROW = "text-align: center; padding: 4px 3px; font-weight: 600"
_ONE_LINE, _MOST_WITH_ONE_LINE = "; white-space: nowrap", 12
_UPRIGHT = (
    "text-align: left; padding: 10px 2px; font-weight: 600; white-space: nowrap; "
    "writing-mode: vertical-rl; transform: rotate(180deg)"
)


@dataclass(frozen=True)
class ConfusionMatrix:
    """The matrix of an evaluation; `host` has the images, "" is this computer."""

    evaluation: Evaluation
    host: str = ""

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes that are shown: all, or those of the most confused pairs."""
        found = self.evaluation
        if len(found.classes) <= MOST_CLASSES:
            return found.classes
        return choose_classes(found, MOST_CLASSES)

    @cached_property
    def overview(self) -> ClassOverview | None:
        """All classes, where those that are shown are only a part of them."""
        shows_all = len(self.classes) == len(self.evaluation.classes)
        return None if shows_all else ClassOverview(self.evaluation)

    @property
    def rows(self) -> list[list[int]]:
        """The number of images by true class and predicted class, of the classes shown."""
        places = [self.evaluation.classes.index(name) for name in self.classes]
        return [[self.evaluation.confusion[row][column] for column in places] for row in places]

    @property
    def results(self) -> list[ClassResult]:
        """The result of each class shown."""
        found = {each.name: each for each in self.evaluation.by_class}
        return [found[name] for name in self.classes]

    def describe_results(self) -> list[list[str]]:
        """Return the accuracy and its interval of each class shown, as text."""
        return [_describe(each) for each in self.results]

    @property
    def notes(self) -> list[str]:
        """What a reader has to know beside the numbers."""
        found, lines = self.evaluation, []
        if self.overview:
            lines.append(
                f"{len(self.classes)} of {len(found.classes):,} classes: those of the most "
                "confused pairs, beside each other."
            )
        if found.split == "train":
            lines.append("The model was trained on these images: on others it is less often right.")
        if found.note:
            lines.append(found.note)
        if found.skipped:
            files = "1 file is" if len(found.skipped) == 1 else f"{len(found.skipped):,} files are"
            lines.append(f"{files} not valid images: %check_data shows them.")
        return lines

    @property
    def title(self) -> str:
        """The run and the result in one line."""
        where = f" on {self.host}" if self.host else ""
        return escape_controls(f"{self.evaluation.run}{where} · {self.evaluation.summary}")

    def __repr__(self) -> str:
        text = self.format_text()
        return f"{text}\n\n{self.overview!r}" if self.overview else text

    def format_text(self) -> str:
        """Return the matrix as text: of many classes ten, with numbers in place of long names."""
        names = list(map(escape_controls, self.classes))
        shown = len(names) if not self.overview else _MOST_IN_TEXT
        columns, labels, zero = _label(names[:shown])
        heads = ["", *columns]
        lines = [
            [label, *(f"{count:,}" if count else zero for count in row[:shown])]
            for label, row in zip(labels, self.rows, strict=False)
        ]
        if not self.overview:
            heads += ["right", "95 % interval"]
            lines = [
                [*line, *result]
                for line, result in zip(lines, self.describe_results(), strict=True)
            ]
        notes = ["Rows: the label of the images. Columns: what was predicted.", *self.notes]
        if shown < len(names):
            notes.append(f"Here the first {shown} of them: .classes and .rows have all.")
        return "\n".join(
            [table.format_text(self.title, heads, lines), *map(escape_controls, notes)]
        )

    def _repr_html_(self) -> str:
        return self.format_html() + (self.overview._repr_html_() if self.overview else "")

    def format_html(self) -> str:
        """Return the matrix as HTML, with numbers in place of long names as heads."""
        columns, labels, zero = _label(self.classes)
        style = _COLUMN
        if len(columns) > _MANY_COLUMNS:
            style = _UPRIGHT if max(map(len, columns)) > _SHORT_NAME else _NARROW
        line = _ONE_LINE if len(columns) <= _MOST_WITH_ONE_LINE else ""
        heads = "".join(
            f'<th scope="col" style="{each}">{quote_text(name)}</th>'
            for name, each in (
                *((name, style) for name in columns),
                ("right", _COLUMN),
                ("95 % interval", _COLUMN),
            )
        )
        body = "".join(
            f'<tr><th scope="row" style="{_HEAD}{line}">{quote_text(label)}</th>'
            f"{_draw_row(at, row, zero)}{_draw_cells(result, line)}</tr>"
            for at, (label, row, result) in enumerate(
                zip(labels, self.rows, self.describe_results(), strict=True)
            )
        )
        notes = "".join(f"<br>{quote_text(note)}" for note in self.notes)
        return wrap_html(
            f"<p><b>{quote_text(self.title)}</b></p>"
            f'<table style="border-collapse: collapse"><thead><tr><td></td>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
            f'<p style="{QUIET}">Rows: the label of the images. Columns: what was predicted.'
            f"{notes}</p>",
            "overflow-x: auto",
        )


def _describe(result: ClassResult) -> list[str]:
    """Return the accuracy of a class and its interval; dashes where it has no image."""
    if result.accuracy is None:
        return ["–", "–"]
    return [f"{100 * result.accuracy:.1f} %", str(result.interval)]


def _label(names: Sequence[str]) -> tuple[list[str], list[str], str]:
    """Return the heads of the columns and of the rows, and what is shown for no image.

    Where the names are too long to stand beside each other, the columns have numbers.
    """
    if sum(map(len, names)) + 2 * len(names) <= _WIDEST_TEXT:
        return list(names), list(names), "0"
    numbers = [str(n) for n in range(1, len(names) + 1)]
    return numbers, [f"{n} {name}" for n, name in zip(numbers, names, strict=True)], "·"


def _draw_row(at: int, row: Sequence[int], zero: str) -> str:
    whole = sum(row) or 1
    cells = []
    for column, count in enumerate(row):
        colour = _RIGHT if column == at else _WRONG
        # The square root, so that few mistakes are seen beside many right ones.
        share = _DARKEST * (count / whole) ** 0.5
        number = f"{count:,}" if count else zero
        cells.append(f'<td style="{_CELL}; background: rgba({colour}, {share:.2f})">{number}</td>')
    return "".join(cells)


def _draw_cells(texts: Sequence[str], line: str) -> str:
    return "".join(f'<td style="{_CELL}{line}">{text}</td>' for text in texts)

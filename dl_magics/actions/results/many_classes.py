"""A confusion matrix of many classes: those that are confused most, and an overview of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dl_magics.actions.results.gallery import QUIET, quote_text
from dl_magics.core import table
from dl_magics.runs.evaluation import ClassResult, Evaluation
from dl_magics.text import escape_controls, wrap_html

_MOST_LINES, _MOST_CELLS = 12, 1000
_SIDE, _LEAST_CELL = 480, 2.0
_HEADS = ("class", "right", "images", "accuracy", "95 % interval", "mostly taken for")
_EACH = "Each class, the least accurate first"


def choose_classes(found: Evaluation, most: int) -> tuple[str, ...]:
    """Return the classes of the most confused pairs; those that are confused follow each other."""
    pairs = found.most_confused()
    chosen: list[str] = []
    for pair in (each[:2] for each in pairs):
        new = [name for name in pair if name not in chosen]
        if len(chosen) + len(new) <= most:
            chosen += new
    chosen += [name for name in found.classes if name not in chosen][: most - len(chosen)]
    between: dict[tuple[str, str], int] = {}
    for truth, predicted, count in pairs:
        for pair in ((truth, predicted), (predicted, truth)):
            between[pair] = between.get(pair, 0) + count
    ordered = [chosen.pop(0)]
    while chosen:
        closest = max(chosen, key=lambda name: between.get((ordered[-1], name), 0))
        chosen.remove(closest)
        ordered.append(closest)
    return tuple(ordered)


@dataclass(frozen=True)
class ClassOverview:
    """All classes of an evaluation: where the mistakes are, and the result of each class."""

    evaluation: Evaluation

    @cached_property
    def rows(self) -> list[tuple[str, ...]]:
        """The result of each class as text, the least accurate first; without images at the end."""
        taken: dict[str, str] = {}
        for truth, predicted, count in self.evaluation.most_confused():
            taken.setdefault(truth, f"{predicted} ({count:,})")
        worst = sorted(
            self.evaluation.by_class,
            key=lambda each: (2.0 if each.accuracy is None else each.accuracy, -each.images),
        )
        return [(*_describe(each), taken.get(each.name, "")) for each in worst]

    def __repr__(self) -> str:
        rows = [[escape_controls(cell) for cell in row] for row in self.rows[:_MOST_LINES]]
        lines = [table.format_text(f"{_EACH}:", _HEADS, rows)]
        if (more := len(self.rows) - _MOST_LINES) > 0:
            lines.append(f"and {more:,} more: .evaluation.by_class")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [[escape_controls(cell) for cell in row] for row in self.rows]
        listed = table.format_html("", _HEADS, rows)
        return wrap_html(
            f"{self._draw_map()}<details><summary>{_EACH}</summary>"
            f'<div style="max-height: 26em; overflow: auto">{listed}</div></details>'
        )

    def _draw_map(self) -> str:
        """Return a picture of the whole matrix: a point for each pair, darker with its share."""
        found, names = self.evaluation, self.evaluation.classes
        cell = max(_SIDE / len(names), _LEAST_CELL)
        side = round(cell * len(names))
        at = {name: n for n, name in enumerate(names)}
        images = {each.name: max(each.images, 1) for each in found.by_class}
        pairs = found.most_confused()
        points = [(name, name, found.confusion[n][n]) for name, n in at.items()]
        points = [each for each in points if each[2]] + pairs[:_MOST_CELLS]
        drawn = []
        for truth, predicted, count in points:
            colour = "#1976d2" if truth == predicted else "#e65100"
            # Seen also where it is one of many images.
            share = 0.25 + 0.75 * (count / images[truth]) ** 0.5
            what = "right" if truth == predicted else f"taken for {predicted}"
            drawn.append(
                f'<rect x="{at[predicted] * cell:.1f}" y="{at[truth] * cell:.1f}" '
                f'width="{cell:.1f}" height="{cell:.1f}" fill="{colour}" '
                f'fill-opacity="{share:.2f}"><title>'
                f"{quote_text(f'{count:,} of {images[truth]:,} {truth}: {what}')}</title></rect>"
            )
        left = f" Of {len(pairs):,} pairs the {_MOST_CELLS:,} that are confused most."
        note = (
            f"All {len(names):,} classes in their order; a row for each label, a column for each "
            "prediction: right in blue, mistakes in orange. The pointer on a point names it."
        )
        return (
            f'<div style="max-height: {_SIDE + 20}px; overflow: auto">'
            f'<svg width="{side}" height="{side}" viewBox="0 0 {side} {side}" role="img" '
            f'aria-label="Confusion matrix of all classes">'
            f'<rect width="{side}" height="{side}" fill="none" stroke="currentColor" '
            f'stroke-opacity="0.4"/>{"".join(drawn)}</svg></div>'
            f'<p style="{QUIET}">{note}{left if len(pairs) > _MOST_CELLS else ""}</p>'
        )


def _describe(each: ClassResult) -> tuple[str, ...]:
    accuracy = "–" if each.accuracy is None else f"{100 * each.accuracy:.1f} %"
    interval = "–" if each.accuracy is None else str(each.interval)
    return each.name, f"{each.right:,}", f"{each.images:,}", accuracy, interval

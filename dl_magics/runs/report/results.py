"""What an evaluation says, as tables: the confusion matrix and each class with its interval."""

from __future__ import annotations

from html import escape

from dl_magics.runs.evaluation import Evaluation
from dl_magics.text import escape_controls

_MOST_CLASSES = 16
_MOST_PAIRS = 15
_STRONGEST = 0.45  # the ink stays readable on it, in each theme


def draw_result(found: Evaluation) -> str:
    """Return accuracy, matrix and classes of a part of the images."""
    if not found.labelled:
        return ""
    title = "test images" if found.split == "test" else "validation images"
    share = 100 * (found.accuracy or 0)
    note = f"<p>⚠ {_text(found.note)}</p>" if found.note else ""
    return (
        f"<h2>On the {title}</h2><p>{found.right:,} of {len(found.labelled):,} right: "
        f"<b>{share:.1f} %</b>, 95 % interval {found.interval}.</p>{note}"
        f'<div class="side">{_draw_confusion(found)}{_draw_classes(found)}</div>'
    )


def _draw_confusion(found: Evaluation) -> str:
    """Return the matrix, or the pairs that are confused most where it would be too large."""
    if len(found.classes) > _MOST_CLASSES:
        rows = "".join(
            f"<tr><td>{_text(truth)}</td><td>{_text(predicted)}</td><td>{count:,}</td></tr>"
            for truth, predicted, count in found.most_confused()[:_MOST_PAIRS]
        )
        return _draw_table("Most confused", ("labelled", "predicted", "images"), rows)
    heads = "".join(f'<th scope="col">{_text(name)}</th>' for name in found.classes)
    rows = "".join(
        f'<tr><th scope="row">{_text(truth)}</th>'
        + "".join(
            _draw_cell(count, sum(row), is_right=truth == predicted)
            for predicted, count in zip(found.classes, row, strict=True)
        )
        + "</tr>"
        for truth, row in zip(found.classes, found.confusion, strict=True)
    )
    return (
        '<div class="scroll"><table class="matrix"><caption>Confusion: rows are labels</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _draw_cell(count: int, images: int, *, is_right: bool) -> str:
    ink = "59, 127, 196" if is_right else "210, 70, 92"
    # The square root, so that few mistakes are seen beside many right ones.
    strength = _STRONGEST * (count / images) ** 0.5 if images else 0.0
    return f'<td style="background: rgba({ink}, {strength:.2f})">{count:,}</td>'


def _draw_classes(found: Evaluation) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(each.name)}</th><td>{each.images:,}</td>'
        f"<td>{each.right:,}</td><td>"
        + ("–" if each.accuracy is None else f"{100 * each.accuracy:.1f} %")
        + f"</td><td>{each.interval if each.images else '–'}</td></tr>"
        for each in found.by_class
    )
    return _draw_table("Classes", ("class", "images", "right", "accuracy", "95 % interval"), rows)


def _draw_table(caption: str, heads: tuple[str, ...], rows: str) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return (
        f'<div class="scroll"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _text(value: str) -> str:
    return escape(escape_controls(value))

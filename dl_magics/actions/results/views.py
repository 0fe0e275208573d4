"""The most confused pairs and the highest losses of an evaluation: values that show themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dl_magics.actions.results.evaluating import Evaluated
from dl_magics.actions.results.gallery import QUIET, Shown, draw_gallery, quote_text
from dl_magics.core import table
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.text import escape_controls, wrap_html
from dl_magics.training.evaluation.requests import GRAD_CAM, OCCLUSION

_MOST_ROWS = 40
_LOOKED = {
    GRAD_CAM: " Beside each image: where the model looked for the class that it predicted "
    "(Grad-CAM), in colour.",
    OCCLUSION: " Beside each image, in colour: the parts without which the class that the model "
    "predicted is less probable (each was hidden in turn).",
}
IMAGE, LOOKED = "image", "where the model looked for its prediction"


@dataclass(frozen=True, repr=False)
class MostConfused:
    """The pairs (label, prediction, images) that were confused `least` times, most first."""

    evaluation: Evaluation
    least: int = 1

    @property
    def pairs(self) -> list[tuple[str, str, int]]:
        """All of them."""
        return self.evaluation.most_confused(self.least)

    def _table(self) -> tuple[str, list[str], list[list[str]]]:
        images = {each.name: each.images for each in self.evaluation.by_class}
        rows = [
            [
                truth,
                predicted,
                f"{count:,}",
                f"{100 * count / images[truth]:.1f} % of {images[truth]:,}",
            ]
            for truth, predicted, count in self.pairs[:_MOST_ROWS]
        ]
        title = f"{self.evaluation.run} · {self.evaluation.summary}"
        if not rows:
            title += "\nNo class was taken for another one."
        if len(self.pairs) > _MOST_ROWS:
            title += f"\nThe first {_MOST_ROWS} of {len(self.pairs):,} pairs."
        rows = [[escape_controls(cell) for cell in row] for row in rows]
        heads = ["label", "predicted", "images", "of the label"]
        return escape_controls(title, keep="\n"), heads, rows

    def __repr__(self) -> str:
        return table.format_text(*self._table())

    def _repr_html_(self) -> str:
        return table.format_html(*self._table())


@dataclass(frozen=True, repr=False)
class TopLosses:
    """The `most` images with the highest loss, with pictures of them; a list that shows itself."""

    evaluated: Evaluated
    most: int
    host: str = ""

    @property
    def photos(self) -> tuple[PhotoPrediction, ...]:
        """The predictions, those with the highest loss first."""
        return self.evaluated.evaluation.top_losses(self.most)

    def __iter__(self) -> Iterator[PhotoPrediction]:
        return iter(self.photos)

    def __len__(self) -> int:
        return len(self.photos)

    def _title(self) -> str:
        found = self.evaluated.evaluation
        where = f" on {self.host}" if self.host else ""
        return f"{found.run}{where} · {found.summary}"

    def __repr__(self) -> str:
        lines = [self._title()]
        lines += [f"  {each.path}: {', '.join(_describe(each))}" for each in self.photos]
        return "\n".join(map(escape_controls, lines))

    def _repr_html_(self) -> str:
        shown = [
            Shown(
                each.path,
                {
                    IMAGE: self.evaluated.pictures.get(each.path, ""),
                    LOOKED: self.evaluated.overlays.get(each.path, ""),
                },
                [*_describe(each), each.path],
            )
            for each in self.photos
        ]
        looked = _LOOKED.get(self.evaluated.method, "")
        return wrap_html(
            f"<p><b>{quote_text(self._title())}</b></p>"
            f'<p style="{QUIET}">The images that surprised the model most.{looked}</p>'
            f"{draw_gallery(shown)}"
        )


def _describe(photo: PhotoPrediction) -> list[str]:
    """Return what a prediction says: `cats, predicted dogs 98.2 %` and the loss."""
    mark = "✓" if photo.is_right else "✗"
    return [
        f"{photo.truth}, predicted {photo.predicted} {100 * photo.probability:.1f} % {mark}",
        f"loss {photo.loss or 0:.2f}",
    ]

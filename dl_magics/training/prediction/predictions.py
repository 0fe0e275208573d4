"""The predictions for image files: a list that shows the doubtful ones first."""

from __future__ import annotations

import base64
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from dl_magics.data import images, walk
from dl_magics.errors import NotInstalled
from dl_magics.text import escape_controls, wrap_html

MOST_ROWS = 20
_MOST_CLASSES = 5
_THUMBNAIL_PIXELS = 64
_NONE = "no images"
# Jupyter aligns the cells of tables to the right by default.
_LEFT = 'style="text-align: left"'
_LABEL = 'style="text-align: left; white-space: nowrap"'


@dataclass(frozen=True)
class Prediction:
    """The most probable class of one image; `probabilities` holds those of all classes by name.

    The path of an image on a host is a PurePosixPath: it cannot be opened here.
    """

    path: PurePath
    label: str
    probability: float
    probabilities: Mapping[str, float]

    @property
    def folder_class(self) -> str:
        """The class that its folder names; "" if it names none."""
        name = walk.name_as_text(self.path.parent)
        return name if name in self.probabilities else ""

    @property
    def shown_label(self) -> str:
        """The class, marked where the folder names another one: `cats ✗`."""
        return f"{self.label} ✗" if self.folder_class not in ("", self.label) else self.label


class Predictions(list[Prediction]):
    """One prediction an image, in the order of the files; the lowest probability is shown first.

    `skipped` maps the files that are not valid images to the reason. `host` has the images, "" is
    this computer; of a host `pictures` has those that are shown, JPEG in base64 by path.
    """

    def __init__(
        self,
        predictions: Iterable[Prediction],
        skipped: Mapping[PurePath, str],
        *,
        host: str = "",
        pictures: Mapping[PurePath, str] | None = None,
    ) -> None:
        super().__init__(predictions)
        self.skipped = dict(skipped)
        self.host = host
        self.pictures = dict(pictures or {})

    @property
    def summary(self) -> str:
        """What was predicted, in one line: `132 of 140 cats, 8 of 140 dogs`.

        Where the folders are named like the classes, it counts the images of each folder that have
        its class: `132 of 140 cats`, or `250 of 260 right: 132 of 140 cats, 118 of 120 dogs`.
        """
        if not self:
            return _NONE
        named = Counter(each.folder_class for each in self)
        if "" in named:
            counts = Counter(each.label for each in self).most_common()
            return _join(f"{n:,} of {len(self):,} {name}" for name, n in counts)
        right = Counter(each.label for each in self if each.label == each.folder_class)
        counted = _join(f"{right[name]:,} of {named[name]:,} {name}" for name in sorted(named))
        if len(named) == 1:
            return counted
        return f"{right.total():,} of {len(self):,} right: {counted}"

    @property
    def all(self) -> Any:
        """All predictions as a pandas data frame: file, class and the probability of each class.

        Raises NotInstalled without pandas.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise NotInstalled(
                "A data frame needs pandas, which is not installed.", fix="%pip install pandas"
            ) from error
        rows = [
            {"path": str(each.path), "class": each.label, "probability": each.probability}
            | {f"p({name})": value for name, value in each.probabilities.items()}
            for each in self
        ]
        return pd.DataFrame(rows)

    @property
    def doubtful(self) -> list[Prediction]:
        """Those that are shown: the lowest probability first."""
        return sorted(self, key=lambda each: each.probability)[:MOST_ROWS]

    def _names(self) -> dict[PurePath, str]:
        """Return how each file is shown: below the folder that all of them are in."""
        rules = posixpath if self.host else os.path
        files = {
            file: file.absolute() if isinstance(file, Path) else file
            for file in (*(each.path for each in self), *self.skipped)
        }
        try:
            common = rules.commonpath([str(file.parent) for file in files.values()] or ["/"])
        except ValueError:  # on Windows: on several drives
            return {file: str(file) for file in files}
        return {file: rules.relpath(str(at), common) for file, at in files.items()}

    def _title(self) -> str:
        return f"{self.summary} · on {self.host}" if self.host else self.summary

    def _rest(self) -> str:
        if len(self) <= MOST_ROWS:
            return ""
        return (
            f"The {MOST_ROWS} with the lowest probability of {len(self):,}. "
            "All, as a data frame, in the next cell: _.all"
        )

    def __repr__(self) -> str:
        names = self._names()
        lines = [self._title()] if self else []
        lines += [
            f"{names[each.path]}: {each.shown_label} ({each.probability:.1%})"
            for each in self.doubtful
        ]
        lines += [self._rest()] if self._rest() else []
        skipped = islice(self.skipped.items(), MOST_ROWS)
        lines += [f"{names[path]}: skipped, {reason}" for path, reason in skipped]
        if len(self.skipped) > MOST_ROWS:
            lines.append(f"{len(self.skipped):,} files skipped")
        return "\n".join(map(escape_controls, lines)) or _NONE

    def _repr_html_(self) -> str:
        names = self._names()
        rows = "".join(
            f"<tr><td>{self._draw(each.path)}</td><td {_LEFT}>{_text(names[each.path])}</td>"
            f"<td {_LABEL}>{_text(each.shown_label)}</td><td>{each.probability:.1%}</td></tr>"
            for each in self.doubtful
        )
        head = f"<tr><th></th><th {_LEFT}>image</th><th {_LEFT}>class</th><th>probability</th></tr>"
        table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
        parts = [f"<p><b>{_text(self._title())}</b></p>", table]
        if rest := self._rest():
            parts.append(f"<p>{_text(rest)}</p>")
        if self.skipped:
            shown = islice(self.skipped.items(), MOST_ROWS)
            each = "".join(
                f"<li><code>{_text(names[path])}</code>: {_text(reason)}</li>"
                for path, reason in shown
            )
            count = f"{len(self.skipped):,} files skipped"
            parts.append(f"<details><summary>{count}</summary><ul>{each}</ul></details>")
        return wrap_html("".join(parts), "overflow-x: auto")

    def _draw(self, path: PurePath) -> str:
        """Return a small picture of a file as HTML; "" if it cannot be read any more."""
        encoded = encode_thumbnail(path) if not self.host else self.pictures.get(path, "")
        if not encoded:
            return ""
        source = f"data:image/jpeg;base64,{encoded}"
        # In a narrow page Jupyter's `max-width: 100%` would leave no width in a cell of a table.
        return f'<img src="{source}" width="{_THUMBNAIL_PIXELS}" alt="" style="max-width: none">'


def encode_thumbnail(path: PurePath) -> str:
    """Return a small picture of a file, JPEG in base64; "" if it cannot be read any more."""
    try:
        data = images.encode_thumbnail(Path(path).read_bytes(), _THUMBNAIL_PIXELS)
    except (OSError, images.BrokenImage):
        return ""
    return base64.b64encode(data).decode("ascii")


def _join(counts: Iterable[str]) -> str:
    words = list(counts)
    if len(words) > _MOST_CLASSES:
        more = len(words) - _MOST_CLASSES + 1
        words = [*words[: _MOST_CLASSES - 1], f"{more} more classes"]
    return ", ".join(words)


def _text(value: object) -> str:
    return escape(escape_controls(str(value)))

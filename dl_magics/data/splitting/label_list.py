"""Read the classes of images from a list: CSV, TSV, JSON or JSON Lines, as Kaggle gives them.

A list is a table of which one column names the files, with or without folder and suffix, and
another one their classes. The column of the files is found by what is in it. Other forms:
`{"1.jpg": "cat"}`, one column of 0 and 1 for each class, and COCO with `images`, `annotations`
and `categories`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from dl_magics.data.walk import shorten_list
from dl_magics.errors import BadData

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")
_USUAL = (
    *("label", "labels", "class", "class_name", "category", "target", "species", "breed"),
    *("diagnosis", "dx", "level", "tag", "tags"),
)
Rows = Sequence[Mapping[str, str]]


def is_list(path: Path) -> bool:
    """Return whether a file may be a list, by its suffix."""
    return path.suffix.lower() in _SUFFIXES


def read_labels(path: Path, names: Iterable[str], column: str = "") -> dict[str, str]:
    """Return the class of each of the files `names` that the list has.

    Parameters
    ----------
    path
        The list.
    names
        The files of the data set, relative to its folder.
    column
        The column of the classes; "" finds it.

    Raises
    ------
    BadData
        where the list cannot be read, has none of the files, or its columns are not clear.
    """
    rows = _read_rows(path)
    if not rows:
        raise BadData(f"'{path}' has no rows.", fix="Name a list with the class of each image.")
    index = _index(names)
    columns = list(rows[0])
    files = _find_files(rows, index, [each for each in columns if each != column])
    if not files:
        named = " · --column names the classes, not the images" if column in columns else ""
        raise BadData(
            f"No column of '{path.name}' names the images: it has {shorten_list(columns)}.",
            fix=f"Name the folder that holds the images of this list{named}.",
        )
    label = _choose_column(path, rows, [each for each in columns if each != files], column)
    labels: dict[str, str] = {}
    for row in rows:
        name, given = index.get(row.get(files, "")), label(row)
        if name is None or not given:
            continue
        if labels.setdefault(name, given) != given:
            raise BadData(
                f"'{path.name}' gives {name} two classes: {labels[name]} and {given}.",
                fix="Images of several classes cannot be split into folders: keep one row each.",
            )
    return labels


def _find_files(rows: Rows, index: Mapping[str, str], columns: Iterable[str]) -> str:
    """Return the column that names most of the files, "" for none.

    Classes that are numbers may be names of files, too: of few of them, and without a suffix.
    """
    best, most = "", (0, 0)
    for each in columns:
        named = {value for row in rows if (value := row.get(each, "")) in index}
        found = len({index[value] for value in named}), sum("." in value for value in named)
        if found > most:
            best, most = each, found
    return best


def _choose_column(path: Path, rows: Rows, others: list[str], column: str) -> Any:
    """Return the function that takes the class from a row."""
    if column:
        if column not in others:
            raise BadData(
                f"'{path.name}' has no column {column!r}.",
                fix=f"Its columns: {shorten_list(others)}",
            )
        return lambda row: row.get(column, "").strip()
    if len(others) > 1 and all(_is_one_hot(row, others) for row in rows):
        return lambda row: next(each for each in others if _is_one(row[each]))
    usual = [each for each in others if each.lower() in _USUAL]
    choice = others if len(others) == 1 else usual
    if len(choice) != 1:
        raise BadData(
            f"'{path.name}' has several columns that may be the class: {shorten_list(others)}.",
            fix=f"Name one: --column {(usual or others or ['NAME'])[0]}",
        )
    return lambda row: row.get(choice[0], "").strip()


def _index(names: Iterable[str]) -> dict[str, str]:
    """Return the files by each way in which a list may name them; what is not unique is left out.

    A whole path is preferred to a name without its folder or suffix.
    """
    index: dict[str, str | None] = {}
    listed = list(names)
    for name in listed:
        path = PurePosixPath(name)
        for key in {path.name, path.stem, str(path.with_suffix(""))} - {name}:
            index[key] = None if key in index else name
    return {key: name for key, name in index.items() if name} | {name: name for name in listed}


def _read_rows(path: Path) -> Rows:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return _as_rows([json.loads(line) for line in text.splitlines() if line.strip()])
        if path.suffix.lower() == ".json":
            return _as_rows(json.loads(text))
        dialect = "excel-tab" if path.suffix.lower() == ".tsv" else _sniff(text)
        reader = csv.DictReader(io.StringIO(text), dialect=dialect)
        return [{str(key): str(value or "") for key, value in row.items()} for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise BadData(
            f"'{path}' cannot be read as a list: {error}.",
            fix="It must be CSV, TSV, JSON or JSON Lines, in UTF-8.",
        ) from error


def _sniff(text: str) -> str | type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t|")
    except csv.Error:
        return "excel"


def _as_rows(value: Any) -> Rows:
    """Return JSON as rows: a list of objects, an object {file: class}, or COCO."""
    if isinstance(value, dict) and {"images", "annotations", "categories"} <= value.keys():
        return _read_coco(value)
    if isinstance(value, dict):
        return [{"file": str(name), "label": _as_text(each)} for name, each in value.items()]
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        keys = dict.fromkeys(key for each in value for key in each)
        return [{str(key): _as_text(each.get(key)) for key in keys} for each in value]
    raise ValueError("it is no list of objects and no object of classes")


def _read_coco(value: Mapping[str, Any]) -> Rows:
    try:
        files = {each["id"]: str(each["file_name"]) for each in value["images"]}
        names = {each["id"]: str(each["name"]) for each in value["categories"]}
        return [
            {"file": files[each["image_id"]], "label": names[each["category_id"]]}
            for each in value["annotations"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"annotations, images and categories do not fit: {error}") from error


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, int, float)) else json.dumps(value)


def _is_one(value: str) -> bool:
    return value.strip() in ("1", "1.0", "True", "true")


def _is_one_hot(row: Mapping[str, str], columns: Sequence[str]) -> bool:
    values = [row.get(each, "").strip() for each in columns]
    zeros = sum(value in ("0", "0.0", "False", "false") for value in values)
    return zeros == len(columns) - 1 and any(map(_is_one, values))

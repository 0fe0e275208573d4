"""Write predictions as CSV; a file that is there is never replaced unasked."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from dl_magics.errors import BadSetting, NoFolder
from dl_magics.store import atomic
from dl_magics.training.prediction.predictions import Predictions

# What a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def require_new_file(path: str, *, replace: bool) -> Path:
    """Return the path of a CSV file to write; raise where one is there and `replace` is false."""
    file = Path(path).expanduser()
    if file.is_dir():
        raise BadSetting(f"{path} is a folder.", fix=f"Name a file: --csv {path}/predictions.csv")
    if not file.parent.is_dir():
        raise NoFolder(f"There is no folder {file.parent}.", fix=f"!mkdir -p '{file.parent}'")
    if file.exists() and not replace:
        raise BadSetting(
            f"{path} exists; it is not replaced unasked.", fix="Name another file, or add --force."
        )
    return file


def write_predictions(file: Path, predictions: Predictions) -> str:
    """Write one line an image, then those that were skipped; return a sentence."""
    classes = list(predictions[0].probabilities) if predictions else []
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "class", "probability", *(f"p({name})" for name in classes), "skipped"])
    for each in predictions:
        numbers = [f"{each.probabilities[name]:.6f}" for name in classes]
        rows.writerow(
            [_quote(str(each.path)), _quote(each.label), f"{each.probability:.6f}", *numbers, ""]
        )
    for path, reason in predictions.skipped.items():
        rows.writerow([_quote(str(path)), "", "", *("" for _ in classes), reason])
    # A name that is not valid UTF-8 is written as the bytes that it has.
    atomic.replace(file, text.getvalue().encode("utf-8", "surrogateescape"), mode=None)
    count = "1 prediction" if len(predictions) == 1 else f"{len(predictions):,} predictions"
    return f"Wrote {count} to {file}."


def _quote(text: str) -> str:
    """Return a text that a spreadsheet does not run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text

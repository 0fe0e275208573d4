"""Write predictions as CSV; a file that is there is never replaced unasked."""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from dl_magics.errors import BadSetting, DiskFull, DLMagicsError, NoFolder
from dl_magics.store import atomic
from dl_magics.training.prediction.predictions import Predictions

# What a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def predict_to_file(
    path: str, predict: Callable[[], Predictions], *, replace: bool
) -> tuple[Predictions, str]:
    """Return what `predict` returns, and a sentence on how it was written to a CSV file.

    The file is created first, so that what takes long is not computed in vain. Where it cannot be
    written afterwards, the predictions are returned, with the two lines of the failure.

    Raises
    ------
    BadSetting
        where the file is there and `replace` is false, or where it cannot be created.
    NoFolder
        where its folder is not there.
    """
    file = Path(path).expanduser()
    has_begun, predictions = False, None
    try:
        with _create_file(path, file, replace=replace) as created:
            has_begun = True
            predictions = predict()
            created.write_bytes(_format_rows(predictions))
    except OSError as error:
        if has_begun and predictions is None:
            raise
        if predictions is None:
            raise _explain(error, path, fix="Name a file in another folder.") from error
        failure = _explain(
            error, path, fix="They are the result of this cell: predictions.all.to_csv(FILE)"
        )
        return predictions, f"{failure}\n  {failure.fix}"
    count = "1 prediction" if len(predictions) == 1 else f"{len(predictions):,} predictions"
    return predictions, f"Wrote {count} to {file}."


def _create_file(path: str, file: Path, *, replace: bool) -> AbstractContextManager[Path]:
    if file.is_dir():
        raise BadSetting(f"{path} is a folder.", fix=f"Name a file: --csv {path}/predictions.csv")
    if not file.parent.is_dir():
        raise NoFolder(f"There is no folder {file.parent}.", fix=f"!mkdir -p '{file.parent}'")
    return atomic.replacing(file, mode=None) if replace else _creating(file)


@contextmanager
def _creating(file: Path) -> Iterator[Path]:
    """Yield a file that was not there before; delete it where the block raises."""
    file.open("xb").close()
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


def _explain(error: OSError, path: str, fix: str) -> DLMagicsError:
    if isinstance(error, FileExistsError):
        return BadSetting(
            f"{path} exists; it is not replaced unasked.", fix="Name another file, or add --force."
        )
    why = f"{path} was not written: {error.strerror or error}."
    return DiskFull(why, fix=fix) if error.errno in _FULL else BadSetting(why, fix=fix)


def _format_rows(predictions: Predictions) -> bytes:
    """Return one line an image, then those that were skipped."""
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
    return text.getvalue().encode("utf-8", "surrogateescape")


def _quote(text: str) -> str:
    """Return a text that a spreadsheet does not run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text

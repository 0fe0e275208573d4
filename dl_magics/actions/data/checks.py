"""Check a data set, move what is wrong into its quarantine, put it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from dl_magics.actions.data import received
from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.data.report import DataReport
from dl_magics.data.quality.findings import KINDS
from dl_magics.errors import BadSetting
from dl_magics.training.checks import data_requests

_MOST_NAMED = 5

Progress = Callable[[int, int], None]


def check_data(place: DataPlace, *, labels: bool, progress: Progress | None = None) -> DataReport:
    """Return what is wrong with a data set."""
    sent = place.call(
        data_requests.check_folder,
        path=place.path,
        features=place.features,
        labels=labels,
        progress=progress,
    )
    return DataReport(place.named, received.read_findings(sent), place.host)


def require_kinds(kinds: Sequence[str]) -> None:
    """Raise BadSetting for a kind that a check does not know."""
    for kind in kinds:
        if kind not in KINDS:
            raise BadSetting(
                f"--fix has no kind {kind!r}.", fix=f"The kinds are: {', '.join(KINDS)}"
            )


def ask_to_move(place: DataPlace, chosen: Mapping[str, str]) -> str:
    """Return the question to confirm before files are moved into the quarantine."""
    counts = Counter(chosen.values())
    kinds = ", ".join(
        f"{n:,} {KINDS[kind].one if n == 1 else KINDS[kind].many}" for kind, n in counts.items()
    )
    where = f" on {place.host}" if place.host else ""
    files = "1 file" if len(chosen) == 1 else f"{len(chosen):,} files"
    return f"Move {files} of {place.named}{where} into its quarantine ({kinds})"


def quarantine(place: DataPlace, chosen: Mapping[str, str]) -> str:
    """Move the files {path: kind} of a data set into its quarantine; return a sentence."""
    moved = place.call(data_requests.quarantine_files, path=place.path, reasons=dict(chosen))
    return _describe_moved(moved, f"Moved {{}} to {moved['folder']}.") + (
        f"\n%check_data {place.named} --put-back moves them back."
    )


def put_back(place: DataPlace) -> str:
    """Move the files of the quarantines of a data set back; return a sentence."""
    moved = place.call(data_requests.put_back, path=place.path)
    return _describe_moved(moved, f"Put {{}} back into {moved['folder']}.")


def _describe_moved(moved: Mapping[str, object], sentence: str) -> str:
    count, left = moved["count"], moved["left"]
    lines = [sentence.format("1 file" if count == 1 else f"{count:,} files")]
    assert isinstance(left, (list, tuple))
    lines += [f"Left where it is: {path} ({reason})" for path, reason in left[:_MOST_NAMED]]
    if len(left) > _MOST_NAMED:
        lines.append(f"and {len(left) - _MOST_NAMED:,} more")
    return "\n".join(lines)

"""The runs as a table: accuracy, size and place of each."""

from __future__ import annotations

import textwrap
from collections.abc import Container, Iterable

from dl_magics.actions.runs.remote_runs import RemoteRuns
from dl_magics.core import table
from dl_magics.errors import DamagedRun
from dl_magics.runs import remote_origin, summary, tag
from dl_magics.runs.record import RunRecord
from dl_magics.text import escape_controls
from dl_magics.training.run import Run

_HEADS = ("run", "tag", "model and data", "status", "val_accuracy", "size", "place")
_TAG = _HEADS.index("tag")
_LONGEST_ERROR = 100
_NONE = "No runs yet: %%finetune data/dogscats creates one."


class Runs(list[Run]):
    """Local runs, newest first, then the names of remote ones; shown as a table.

    `part` is the word that all of them have, "" for all runs, of which there are `total`.
    `ended` are the names of those that have ended on their host, with results only there.
    """

    def __init__(
        self,
        runs: Iterable[Run] = (),
        remote: RemoteRuns | None = None,
        *,
        part: str = "",
        total: int = 0,
        ended: Container[str] = (),
    ) -> None:
        super().__init__(runs)
        self.remote = remote or RemoteRuns()
        self._part = part
        self._total = total
        self._ended = ended

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [_describe(run, is_over=run.name in self._ended) for run in self]
        rows += [
            (name, "", "", "", "", "", f"only on {self.remote.host} · %attach {name}")
            for name in self.remote.names
        ]
        return [tuple(map(escape_controls, row)) for row in rows]

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return heads and rows; without a column for tags where no run has one."""
        rows = self._rows()
        if any(row[_TAG] for row in rows):
            return _HEADS, rows
        return _leave_out_tag(_HEADS), [*map(_leave_out_tag, rows)]

    def _title(self) -> str:
        if not (self or self.remote.names):
            return self._describe_none()
        size = sum(map(measure_size, self))
        runs = f"{len(self):,} {'run' if len(self) == 1 else 'runs'}"
        verb = "occupies" if len(self) == 1 else "occupy"
        return (
            f"{runs} on this computer {verb} {format_size(size)} · %attach NAME shows one · "
            "%runs --compare A B compares · %runs --delete NAME frees its space"
        )

    def _describe_none(self) -> str:
        if not self._total:
            return _NONE
        runs = f"{self._total:,} {'run' if self._total == 1 else 'runs'}"
        return f"Of {runs} none has {self._part!r:.60} in its name or tag: %runs lists all."

    def __repr__(self) -> str:
        heads, rows = self._table()
        return table.format_text(self._title(), heads, rows) if rows else self._title()

    def _repr_html_(self) -> str:
        heads, rows = self._table()
        return table.format_html(self._title(), heads, rows)


def _leave_out_tag(row: tuple[str, ...]) -> tuple[str, ...]:
    return (*row[:_TAG], *row[_TAG + 1 :])


def measure_size(run: Run) -> int:
    """Return the bytes of the files in the folder of a run."""
    sizes = []
    for file in run.path.rglob("*"):
        try:
            sizes.append(file.lstat().st_size)
        except OSError:  # it was removed meanwhile
            continue
    return sum(sizes)


def format_size(size: int) -> str:
    """Return a number of bytes for people: `59 MB`."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


def _find_host(run: Run) -> str:
    """Return where a run is that has not begun, as far as its log says."""
    origin = remote_origin.load(run.path)
    return str(origin.host["name"]) if origin else "this computer"


def _describe(run: Run, *, is_over: bool) -> tuple[str, ...]:
    size = format_size(measure_size(run))
    try:
        # Records of their own, so that a listing does not keep the events of every run in memory.
        state = RunRecord(run.path).snapshot()
    except DamagedRun as error:
        return (run.name, tag.read_tag(run.path), "", f"damaged: {error}", "", size, "")
    best = state.best
    status = summary.describe_status(state)
    if is_over:
        status = f"has ended: %attach {run.name} fetches its results"
    if state.error:
        status += f": {textwrap.shorten(state.error, _LONGEST_ERROR, placeholder=' …')}"
    return (
        run.name,
        tag.read_tag(run.path),
        summary.name_subject(state),
        status,
        f"{best['logs']['val_accuracy']:.3f}" if best else "",
        size,
        str(state.host.get("name") or _find_host(run)),
    )

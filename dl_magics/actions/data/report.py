"""What `%check_data` returns: a report that shows itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from dl_magics.actions.data import gallery
from dl_magics.core.table import escape_text
from dl_magics.data.quality.findings import KINDS, Finding, Findings
from dl_magics.text import escape_controls, wrap_html

_MOST_CLASSES = 8
# The items of these name a class or a folder, or two files of which only a person can choose.
_NOT_MOVED = ("layout", "few_images", "imbalance", "unused", "two_classes")


class DataReport:
    """The findings of a check of the data set `named`, on `host` ("" is this computer)."""

    def __init__(self, named: str, findings: Findings, host: str = "") -> None:
        self.named = named
        self.findings = findings
        self.host = host

    @property
    def kinds(self) -> dict[str, int]:
        """The number of items of each kind that was found."""
        return {each.kind: len(each.items) for each in self.findings.found}

    def files(self, kind: str) -> list[str]:
        """Return the paths of a kind, such as "blurry", below the folder."""
        return [item.path for each in self._select([kind]) for item in each.items]

    def choose_movable(self, kinds: Iterable[str]) -> dict[str, str]:
        """Return the files of kinds that can be moved, {path: kind}; [] are those certain."""
        named = list(kinds) or [kind for kind, each in KINDS.items() if each.is_certain]
        return {
            item.path: each.kind
            for each in self._select(named)
            if each.kind not in _NOT_MOVED
            for item in each.items
        }

    def _select(self, kinds: Iterable[str]) -> list[Finding]:
        wanted = set(kinds)
        return [each for each in self.findings.found if each.kind in wanted]

    @property
    def summary(self) -> str:
        """What was checked, in one line."""
        where = f" on {self.host}" if self.host else ""
        found = sum(self.kinds.values())
        what = f"{found:,} to look at" if found else "nothing is wrong with them"
        return f"{self.findings.images:,} files in {self.named}{where}: {what}"

    def _advice(self) -> list[str]:
        """Return what to type next."""
        lines = [self.findings.note] if self.findings.note else []
        path = shlex.quote(self.named)
        if certain := self.choose_movable(()):
            files = "1 file" if len(certain) == 1 else f"{len(certain):,} files"
            lines.append(
                f"%check_data {path} --fix moves {files} into a quarantine, "
                "--put-back moves them back"
            )
        others = [
            kind
            for kind in self.kinds
            if kind not in _NOT_MOVED and not KINDS[kind].is_certain and kind != "wrong_extension"
        ]
        if others:
            lines.append(
                f"To move those you do not want: %check_data {path} --fix {' '.join(others)}"
            )
        return lines

    def __repr__(self) -> str:
        lines = [escape_controls(self.summary)]
        lines += [f"  {part}" for part in _describe_counts(self.findings.counts)]
        for each in self.findings.found:
            lines += gallery.draw_lines(each)
        return "\n".join([*lines, *map(escape_controls, self._advice())])

    def _repr_html_(self) -> str:
        counts = "<br>".join(map(escape_text, _describe_counts(self.findings.counts)))
        found = "".join(map(gallery.draw_html, self.findings.found))
        advice = "".join(
            f'<p style="margin: 4px 0">{escape_text(escape_controls(line))}</p>'
            for line in self._advice()
        )
        return wrap_html(
            f'<p style="margin: 4px 0"><b>{escape_text(escape_controls(self.summary))}</b><br>'
            f'<span style="opacity: 0.75">{counts}</span></p>{found}{advice}',
            "max-width: 100%; overflow-x: auto",
        )


def _describe_counts(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a line for each part: `train: cats 560, dogs 559`."""
    lines = []
    for part, sizes in counts.items():
        shown = [f"{name} {size:,}" for name, size in list(sizes.items())[:_MOST_CLASSES]]
        if len(sizes) > _MOST_CLASSES:
            shown.append(f"{len(sizes) - _MOST_CLASSES:,} more classes")
        lines.append(escape_controls(f"{part or 'classes'}: {', '.join(shown)}"))
    return lines

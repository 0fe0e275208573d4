"""What `%check_data` and `%split_data` do, as lines of a shell."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.data.splits import Split
from dl_magics.data.quality import quarantine
from dl_magics.data.splitting import write


def explain_check(
    place: DataPlace, *, labels: bool, fix: Sequence[str] | None, put_back: bool
) -> Script:
    """Return what a check reads and moves."""
    folder = f"{place.path}/{quarantine.FOLDER}"
    if put_back:
        return _on_host(place, [comment(f"moves the files below {folder} back into {place.path}")])
    lines = [comment(f"reads each file below {place.path} once and decodes it")]
    if labels:
        lines.append(comment(f"reads the features of these images in {place.features}"))
    if fix is not None:
        lines.append(comment(f"moves files into {folder}/TIME, each listed there, and asks before"))
    return _on_host(place, lines)


def explain_split(split: Split, *, copy: bool) -> Script:
    """Return the commands that create the same folders."""
    planned = split.planned
    lines = [comment(f"runs these on {split.host}")] if split.host else []
    return Script("\n".join([*lines, *_create(planned, copy=copy)]))


def explain_undo(place: DataPlace) -> Script:
    """Return what the removal of a split does."""
    listed = f"{place.path}/{write.FILE}"
    return _on_host(
        place,
        [comment(f"removes each file that {listed} lists and that is the same as its original")],
    )


def _create(planned: Mapping[str, Any], *, copy: bool) -> Iterator[str]:
    source, to, files = planned["source"], planned["destination"], planned["files"]
    command = "cp -np" if copy else "ln"
    for folder in sorted({posixpath.dirname(name) for name in files}):
        yield f"mkdir -p {shlex.quote(f'{to}/{folder}')}"
    for name, original in files.items():
        yield f"{command} {shlex.quote(f'{source}/{original}')} {shlex.quote(f'{to}/{name}')}"


def _on_host(place: DataPlace, lines: list[str]) -> Script:
    first = [comment(f"runs this on {place.host}")] if place.host else []
    return Script("\n".join([*first, *lines]))

"""Keep an image, move it to another class or into the quarantine, and undo each of these.

Nothing is deleted, and no file is replaced: where a name is taken, the image gets another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path, PurePosixPath

from dl_magics.core import json_checks
from dl_magics.data import layout
from dl_magics.data.cleaning import journal
from dl_magics.data.cleaning.journal import Step
from dl_magics.data.quality import quarantine
from dl_magics.errors import BadData, BadSetting, CannotChange, NoSuchFile

_REASON = "cleaned"


def take_step(root: str | Path, action: str, path: str, label: str = "", to: str = "") -> Step:
    """Do what was decided about the image `path` below a folder, and return the step.

    `action` is "keep", "quarantine" or "relabel": from the class `label` to the class `to`.

    Raises
    ------
    BadData
        where the path leads out of the folder, or there is no such class.
    NoSuchFile
        where the image is not there any more.
    CannotChange
        where it cannot be moved.
    """
    top = layout.require_folder(root)
    _require_inside(top, path)
    if not (top / path).is_file():
        raise NoSuchFile(
            f"'{path}' is not in '{top}' any more.",
            fix="Run the line again: it lists what is there.",
        )
    with _convert_errors(top, path):
        if action == "keep":
            return journal.append_step(top, action, path)
        if action == "relabel":
            target = _find_free(top, _replace_class(top, path, label, to))
            step = journal.append_step(top, action, path, target)
            quarantine.move_without_replacing(top / path, top / target)
            return step
        if action == "quarantine":
            moved = quarantine.quarantine_files(top, {path: _REASON})
            if moved.left:
                raise CannotChange(
                    f"'{path}' was not moved: {moved.left[0][1]}.", fix=_ask_for_rights(top)
                )
            folder = Path(moved.folder).relative_to(top).as_posix()
            return journal.append_step(top, action, path, f"{folder}/{path}")
    raise BadSetting(
        f"There is no action {action!r}.", fix=f"The actions: {', '.join(journal.ACTIONS)}"
    )


def undo_step(root: str | Path, path: str = "") -> Step | None:
    """Undo the last step, or the last one of the image that was at `path`; return it, or None.

    Raises
    ------
    CannotChange
        where a file has taken its place meanwhile: the image stays where it is.
    """
    top = layout.require_folder(root)
    steps = [each for each in journal.read_steps(top) if path in ("", each.path)]
    if not steps:
        return None
    step = steps[-1]
    with _convert_errors(top, step.path):
        if step.to:
            quarantine.move_without_replacing(top / step.to, top / step.path)
            if step.action == "quarantine":
                quarantine.remove_if_empty(top / PurePosixPath(*PurePosixPath(step.to).parts[:2]))
        journal.append_undo(top, step)
    return step


def _replace_class(top: Path, path: str, label: str, to: str) -> str:
    """Return the path of an image in the folder of another class of the same part."""
    parts = list(PurePosixPath(path).parts)
    if label not in parts[:-1] or len(PurePosixPath(to).parts) != 1 or to in (".", ".."):
        raise BadData(
            f"'{path}' cannot be moved from the class {label!r} to {to!r}.",
            fix="Name a class of the data set.",
        )
    parts[parts.index(label)] = to
    folder = top.joinpath(*parts[: parts.index(to) + 1])
    if not folder.is_dir() or folder.is_symlink():
        raise BadData(f"'{folder}' is not a folder of a class.", fix="Create it, then try again.")
    return PurePosixPath(*parts).as_posix()


def _find_free(top: Path, path: str) -> str:
    """Return the path, or one with a number where a file has it: `1-2.jpg`.

    The place that an image was moved from stays free: undoing that step needs it.
    """
    kept = {each.path for each in journal.read_steps(top) if each.to}
    named = PurePosixPath(path)
    numbered = (named.with_name(f"{named.stem}-{n}{named.suffix}") for n in count(2))
    names = (each.as_posix() for each in chain((named,), numbered))
    return next(each for each in names if each not in kept and not os.path.lexists(top / each))


def _require_inside(top: Path, path: str) -> None:
    try:
        json_checks.read_relative_path(path)
    except ValueError as error:
        raise BadData(f"{error} in '{top}'.", fix="Name an image below the folder.") from error


def _ask_for_rights(top: Path) -> str:
    return f"Allow yourself to write in '{top}', or free space on its disk."


@contextmanager
def _convert_errors(top: Path, path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise CannotChange(
            f"'{path}' stays where it is: another file has its place.",
            fix=f"Move that file away: '{top / path}'",
        ) from error
    except OSError as error:
        raise CannotChange(
            f"'{path}' was not moved: {error.strerror or error}.", fix=_ask_for_rights(top)
        ) from error

"""`keras.json`: find, read and change it as each major version of Keras does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting, CannotChange
from dl_magics.keras_config import atomic_file
from dl_magics.keras_config.options import ORDERINGS

_BOM = "\ufeff"


@dataclass(frozen=True)
class Found:
    """The content of the file.

    `damaged` says why Keras cannot parse it, and `refused` why every Keras stops at it; both are
    empty for a valid file and for none. `text` is None if there is no file.
    """

    text: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    damaged: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Change:
    """A change of a file: {key: (before, after)}. `moved_to` is the copy of a damaged file."""

    path: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    moved_to: str = ""


def find_path(major: int) -> Path:
    """Return the path that a Keras of this major version reads, in this environment."""
    if major > 1 and "KERAS_HOME" in os.environ:
        folder = os.environ["KERAS_HOME"]
    else:
        home = os.path.expanduser("~")  # noqa: PTH111 - as Keras does it
        writable = os.access(home, os.W_OK)
        folder = os.path.join(home if writable else "/tmp", ".keras")  # noqa: PTH118
    return Path(os.path.abspath(Path(folder, "keras.json").expanduser()))  # noqa: PTH100


def read_file(file: Path) -> Found:
    """Read a `keras.json` as Keras does; a file that does not exist is empty."""
    try:
        text = atomic_file.read_text(file)
    except OSError as error:
        return Found(refused=f"{file} cannot be read: {error.strerror or error}")
    if text is None:
        return Found()
    try:
        text.encode()
        values = json.loads(text.lstrip(_BOM) if text.startswith(_BOM) else text)
    except RecursionError:
        return Found(text, refused=f"{file} is nested too deeply")
    except ValueError as error:
        reason = str(error) if not isinstance(error, UnicodeError) else "not valid UTF-8"
        return Found(text, damaged=reason if text.strip() else "it is empty")
    if not isinstance(values, dict):
        return Found(text, refused=f"{file} is not a JSON object")
    return Found(text, values, damaged="it starts with a byte order mark" * text.startswith(_BOM))


def list_entries(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys to set: the image ordering under both names, where it is set."""
    ordering = settings.get("image_data_format")
    return {**settings, **({"image_dim_ordering": ORDERINGS[ordering]} if ordering else {})}


def write_settings(file: Path, settings: Mapping[str, Any]) -> Change:
    """Change some settings and write the file as Keras does; unknown keys keep their values.

    An image ordering that is set is written under both of its names, so that every Keras reads the
    same. A damaged file is moved aside. The previous file is kept for `undo`.

    Raises
    ------
    CannotChange
        if the file cannot be read or written.
    """
    with atomic_file.lock_for_change(file):
        found = read_file(file)
        if found.text is None and found.refused:
            raise CannotChange(f"{found.refused}.", fix=f"Move it away: {file}")
        aside = _move_aside(file, found)
        values = {} if aside else found.values
        after = {**values, **list_entries(settings)}
        changes = _differences(values, after)
        if not changes and not found.damaged:
            return Change(str(file))
        _keep_for_undo(file, found.text)
        atomic_file.replace_text(file, json.dumps(after, indent=4) + "\n")
    return Change(str(file), changes, aside)


def undo_change(file: Path) -> Change:
    """Restore the file as it was before the last change; a second time redoes the change.

    Raises
    ------
    BadSetting
        if there is no change to undo.
    CannotChange
        if the file cannot be written.
    """
    with atomic_file.lock_for_change(file):
        before, now = _read_undo(file), atomic_file.read_text(file)
        if before is not None:
            atomic_file.replace_text(file, before)
        elif now is not None:
            atomic_file.resolve_links(file).unlink()
        _keep_for_undo(file, now)
    return Change(str(file), _differences(_values(now), _values(before)))


def preview_undo(file: Path) -> Change:
    """Return what `undo_change` would change; raise BadSetting if there is no change to undo."""
    before, now = _read_undo(file), atomic_file.read_text(file)
    return Change(str(file), _differences(_values(now), _values(before)))


def can_undo(file: Path) -> bool:
    """Return whether there is a change to undo."""
    return _undo_file(file).is_file()


def _move_aside(file: Path, found: Found) -> str:
    """Copy a file that cannot be parsed to a new name and return it; "" if there is no need."""
    if found.values or not (found.damaged or found.refused) or not (found.text or "").strip():
        return ""
    target = atomic_file.resolve_links(file)
    aside = target.with_name(f"{target.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    atomic_file.replace_text(aside, found.text or "")
    return str(aside)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return {key: (before, after)} of all keys whose values differ as JSON."""
    pairs = {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    return {key: pair for key, pair in pairs.items() if not _same(*pair)}


def _values(text: str | None) -> Mapping[str, Any]:
    try:
        values = json.loads((text or "{}").lstrip(_BOM))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _same(before: Any, after: Any) -> bool:
    """Compare as JSON text: 1 differs from 1.0, and NaN equals NaN."""
    return json.dumps(before) == json.dumps(after)


def _undo_file(file: Path) -> Path:
    target = atomic_file.resolve_links(file)
    return target.with_name(f"{target.name}.undo")


def _keep_for_undo(file: Path, before: str | None) -> None:
    atomic_file.replace_text(_undo_file(file), json.dumps({"before": before}, indent=1))


def _read_undo(file: Path) -> str | None:
    """Return the previous text of the file; None if there was no file."""
    try:
        before: str | None = json.loads(_undo_file(file).read_text(encoding="utf-8"))["before"]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(
            f"{file} has no change to undo.", fix="Show the settings in force: %backend"
        ) from error
    return before

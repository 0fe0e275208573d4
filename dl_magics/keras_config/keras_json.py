"""`keras.json`: where each Keras looks for it, what is in it, and how we change it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting, CannotChange
from dl_magics.keras_config import atomic_file, json_edit
from dl_magics.keras_config.options import FORMATS, ORDERINGS

_BOM = "\ufeff"


@dataclass(frozen=True)
class Found:
    """What is in the file: its text, and its members as far as they can be read.

    `damaged` says why Keras cannot read it as JSON, `refused` why every Keras stops at it; both are
    empty for a sound file and for none.
    """

    text: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    damaged: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Change:
    """What was changed: {key: (before, after)}; `aside` is where a damaged file lies now."""

    path: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    aside: str = ""


def path(major: int) -> Path:
    """Return where a Keras of this version looks, with these variables and this home."""
    if major > 1 and "KERAS_HOME" in os.environ:
        folder = os.environ["KERAS_HOME"]
    else:
        home = os.path.expanduser("~")  # noqa: PTH111 - as Keras does it
        writable = os.access(home, os.W_OK)
        folder = os.path.join(home if writable else "/tmp", ".keras")  # noqa: PTH118
    return Path(os.path.abspath(Path(folder, "keras.json").expanduser()))  # noqa: PTH100


def read(file: Path) -> Found:
    """Read a `keras.json` as Keras does, and say what Keras would say to it."""
    try:
        text = atomic_file.read(file)
    except OSError as error:
        return Found(refused=f"{file} cannot be read: {error.strerror or error}")
    if text is None:
        return Found()
    try:
        text.encode()
        values = json.loads(text.lstrip(_BOM) if text.startswith(_BOM) else text)
    except RecursionError:
        return Found(text, refused=f"{file} has brackets in brackets without end")
    except ValueError as error:
        reason = str(error) if not isinstance(error, UnicodeError) else "no UTF-8"
        return Found(text, damaged=reason if text.strip() else "it is empty")
    if not isinstance(values, dict):
        return Found(text, refused=f"{file} holds no JSON object")
    return Found(text, values, damaged="it begins with a byte order mark" * text.startswith(_BOM))


def write(file: Path, major: int, settings: Mapping[str, Any]) -> Change:
    """Change some settings; all other members keep their place and their characters.

    Both names of the image ordering are written always, so that every Keras reads the same. A
    damaged file is set aside. What was there before is kept for `undo`.
    """
    with atomic_file.changing(file):
        found = read(file)
        if found.text is None and found.refused:
            raise CannotChange(f"{found.refused}.", fix=f"Move it away: {file}")
        text, aside = _sound(file, found)
        entries = _entries(found.values, major, settings)
        changes = {
            key: (found.values.get(key), value)
            for key, value in entries.items()
            if not _same(found.values.get(key), value)
        }
        if not changes and not aside and text == found.text:
            return Change(str(file))
        after = json_edit.changed(text, {key: value for key, (_, value) in changes.items()})
        _keep(file, found.text, after)
        atomic_file.replace(file, after)
    return Change(str(file), changes, aside)


def undo(file: Path) -> Change:
    """Take the last change back; a second time brings it again.

    Where somebody changed the file since, only the members that are still ours go back.
    """
    with atomic_file.changing(file):
        before, after = _kept(file)
        now = atomic_file.read(file)
        back = before if now == after else _back(file, before, after)
        was, becomes = _values(now), _values(back)
        if back is None:
            atomic_file.real(file).unlink()
        else:
            atomic_file.replace(file, back)
        _keep(file, now, back)
    keys = [*was, *(key for key in becomes if key not in was)]
    pairs = {key: (was.get(key), becomes.get(key)) for key in keys}
    return Change(str(file), {key: pair for key, pair in pairs.items() if not _same(*pair)})


def can_undo(file: Path) -> bool:
    """Tell whether there is a change to take back."""
    return _undo_file(file).is_file()


def _sound(file: Path, found: Found) -> tuple[str, str]:
    """Return the text to be changed, and where the damaged one was put."""
    if found.text is None or not found.text.strip():
        return "{}\n", ""
    if found.values and found.damaged:
        return found.text.lstrip(_BOM), ""
    if not (found.damaged or found.refused):
        return found.text, ""
    target = atomic_file.real(file)
    aside = target.with_name(f"{target.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    atomic_file.replace(aside, found.text)
    return "{}\n", str(aside)


def _entries(values: Mapping[str, Any], major: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members to set, with both names of the image ordering."""
    ordering = settings.get("image_data_format") or _ordering(values, major)
    if ordering is None:
        return dict(settings)
    both = {"image_data_format": ordering, "image_dim_ordering": ORDERINGS[ordering]}
    return {**settings, **both}


def _ordering(values: Mapping[str, Any], major: int) -> str | None:
    """Return the ordering that the file asks for; None where it asks for an unknown one."""
    new, old = values.get("image_data_format"), values.get("image_dim_ordering")
    asked = [FORMATS.get(str(old)) if old else None, new if new in ORDERINGS else None]
    known = [each for each in (asked if major == 1 else asked[::-1]) if each]
    if known:
        return str(known[0])
    return "channels_last" if new is None and old is None else None


def _back(file: Path, before: str | None, after: str | None) -> str:
    """Return the present text with what is still ours put back."""
    now = read(file)
    if now.text is None or now.damaged or now.refused:
        raise CannotChange(
            f"{file} was changed since by somebody else, and cannot be read now.",
            fix=f"Look at it, and at what was before: {_undo_file(file)}",
        )
    old, ours = _values(before), _values(after)
    mine = {
        key for key, value in ours.items() if not _same(old.get(key), value) or key not in old
    } & {key for key, value in now.values.items() if _same(ours.get(key), value)}
    text = json_edit.changed(now.text, {key: old[key] for key in sorted(mine) if key in old})
    return json_edit.without(text, frozenset(mine - old.keys()))


def _values(text: str | None) -> Mapping[str, Any]:
    try:
        values = json.loads((text or "{}").lstrip(_BOM))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _same(before: Any, after: Any) -> bool:
    """Compare as JSON writes it: 1 is not 1.0, and no number equals itself."""
    return json.dumps(before) == json.dumps(after)


def _undo_file(file: Path) -> Path:
    target = atomic_file.real(file)
    return target.with_name(f"{target.name}.undo")


def _keep(file: Path, before: str | None, after: str | None) -> None:
    kept = json.dumps({"before": before, "after": after}, indent=1)
    atomic_file.replace(_undo_file(file), kept)


def _kept(file: Path) -> tuple[str | None, str | None]:
    try:
        kept = json.loads(_undo_file(file).read_text(encoding="utf-8"))
        return kept["before"], kept["after"]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(
            f"Nothing was changed in {file} that could be taken back.",
            fix="%backend shows what is in force.",
        ) from error

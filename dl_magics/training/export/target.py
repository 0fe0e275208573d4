"""Where an export goes, and that it replaces nothing unasked."""

from __future__ import annotations

from pathlib import Path

from dl_magics.errors import BadSetting
from dl_magics.training.export import formats

_SAVED_MODEL = "saved_model.pb"
# What a folder of ours has: it is replaced only if it holds nothing else.
_MEMBERS = {_SAVED_MODEL, "fingerprint.pb", "variables", "assets", "assets.extra"}


def choose_target(path: str | Path | None, wanted: formats.Format, folder: Path, name: str) -> Path:
    """Return where an export goes: `path`, with the suffix of the format, or into `folder`."""
    if path is None:
        return folder / f"{wanted.name}{wanted.suffix}"
    target = Path(path).expanduser().absolute()
    if target.is_dir() and not (wanted.is_folder and _is_saved_model(target)):
        target = target / name
    has_suffix = target.suffix.lower() == wanted.suffix
    return (
        target if has_suffix or wanted.is_folder else target.with_name(target.name + wanted.suffix)
    )


def find_classes_file(wanted: formats.Format, target: Path) -> Path:
    """Return the file with the class names: beside the exported file, or in its folder."""
    if wanted.is_folder:
        return target / "assets.extra" / "classes.json"
    return target.with_name(f"{target.stem}.classes.json")


def check_free(
    wanted: formats.Format, target: Path, classes_file: Path, *, overwrite: bool
) -> None:
    """Raise BadSetting where the export would replace what it may not.

    An exported model may be replaced with `overwrite`, nothing else may.
    """
    taken = [each for each in (target, classes_file) if each.exists() or each.is_symlink()]
    if not taken:
        return
    other = f'run.export("{wanted.name}", "another-name")'
    if wanted.is_folder:
        is_export = _is_saved_model(target) and not target.is_symlink()
    else:
        is_export = all(each.is_file() for each in taken)
    if overwrite and is_export:
        return
    what = "exists" if is_export else "exists and is not an exported model"
    replaces = f'run.export("{wanted.name}", …, overwrite=True) replaces it · ' if is_export else ""
    raise BadSetting(f"{taken[0]} {what}; nothing was written.", fix=f"{replaces}{other}")


def _is_saved_model(folder: Path) -> bool:
    if not (folder / _SAVED_MODEL).is_file():
        return False
    return {each.name for each in folder.iterdir()} <= _MEMBERS

"""Check what a model's file holds before Keras reads it, only what the engine writes; load it.

A `.keras` file names the classes that Keras creates, and some of them run code that the file holds.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedRun, NotLoadable
from dl_magics.training import backend_messages
from dl_magics.training.backbones import hub
from dl_magics.training.model_classes import allowed_classes, registered_name

WEIGHTS_FILE = "model.weights.h5"
CLASSES_FILE = "classes.json"

_CONFIG_FILE = "config.json"
# What Keras writes, and what the engine adds.
_OWN_MEMBERS = {_CONFIG_FILE, "metadata.json", WEIGHTS_FILE}
_MEMBERS = {*_OWN_MEMBERS, CLASSES_FILE}
# The longest description of a network of keras.applications has 1 MB.
_LONGEST_JSON = 2**25


def check_archive(path: Path, registered: Collection[str] = ()) -> None:
    """Check the members of a `.keras` file and the classes in its `config.json`.

    `registered` are the names of classes that the notebook registered with Keras itself.

    Raises
    ------
    NotLoadable
        where the file holds what the engine does not write.
    DamagedRun
        where the file is not a complete archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            problem = _find_problem(archive, path.stat().st_size, _MEMBERS, registered)
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as error:
        raise damaged_file(path, str(error)) from error
    if problem:
        raise foreign_file(path, problem)


def load_model(path: Path) -> Any:
    """Load a model that was checked. Raises DamagedRun where Keras cannot read it."""
    # The backend looks for a GPU with the first array, and writes about it.
    with backend_messages.hold_back(path.parent):
        import keras

        try:
            hub.import_for(path)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (KeyError, ValueError, OSError) as error:
            raise damaged_file(path, str(error)) from error


def check_own_model(path: Path, registered: Collection[str] = ()) -> None:
    """Check a `.keras` file that somebody saved with Keras, as `check_archive` does.

    Raises NotLoadable, and DamagedRun where the file is not a complete archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = _OWN_MEMBERS | ({CLASSES_FILE} & set(archive.namelist()))
        problem = _find_problem(archive, path.stat().st_size, members, registered)
    if problem:
        raise foreign_file(path, problem)


def damaged_file(path: Path, problem: str) -> DamagedRun:
    """Return the error for a model that is not complete."""
    return DamagedRun(
        f"{path} cannot be read: {problem}",
        fix="Run the %%finetune cell again; the features it computed are kept.",
    )


def foreign_file(path: Path, problem: str) -> NotLoadable:
    """Return the error for a model that holds what the engine does not write."""
    return NotLoadable(
        f"{path} is not loaded, since it could run code of its author: {problem}.",
        fix="If you trust its host, use it there, in the GPU kernel: run.model · register a "
        "class of your own: @keras.saving.register_keras_serializable()",
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, "" if it does not exist."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield each description of an object in a model's configuration, at any depth."""
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if "class_name" in each:
                yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _find_problem(
    archive: zipfile.ZipFile, size: int, wanted: Collection[str], registered: Collection[str]
) -> str:
    if problem := _find_foreign_member(archive, size, wanted):
        return problem
    if CLASSES_FILE in wanted:
        json.loads(archive.read(CLASSES_FILE))
    return find_foreign_class(json.loads(archive.read(_CONFIG_FILE)), registered)


def _find_foreign_member(archive: zipfile.ZipFile, size: int, wanted: Collection[str]) -> str:
    members = archive.infolist()
    names = [each.filename for each in members]
    if sorted(names) != sorted(wanted):
        foreign = sorted(set(names) - set(wanted)) or sorted(set(wanted) - set(names)) or names
        return f"it does not consist of {', '.join(sorted(wanted))} alone: {_quote(foreign[0])}"
    if any(each.compress_type != zipfile.ZIP_STORED for each in members):
        return "it is compressed, which Keras does not do"
    if sum(each.file_size for each in members) > size:
        return "it claims to hold more bytes than it has"
    if any(each.file_size > _LONGEST_JSON for each in members if each.filename != WEIGHTS_FILE):
        return f"a description in it is longer than {_LONGEST_JSON:,} bytes"
    return ""


def find_foreign_class(config: Any, registered: Collection[str] = ()) -> str:
    """Return what the configuration of a model uses and the engine does not write, "" if nothing.

    Classes whose registered name is in `registered` are left out.
    """
    for each in find_objects(config):
        name, module = each["class_name"], each.get("module")
        if _is_in(each.get("registered_name"), registered):
            continue
        classes = allowed_classes(module) if _is_name(module) else frozenset()
        # Keras looks the registered name up first.
        known = (None, name, registered_name(module, name))
        if not _is_in(name, classes) or each.get("registered_name") not in known:
            return f"it uses {_quote(name)} of {_quote(module)}"
    return ""


def _is_in(value: Any, names: Collection[str]) -> bool:
    return isinstance(value, str) and value in names


def _is_name(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _quote(value: Any) -> str:
    return repr(value)[:60]
